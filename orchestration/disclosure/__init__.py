"""What of a release may leave the bureau, and the proof that it gives nobody away.

public_edition (a product as an outsider may have it) → tens (counts told as the ten they lie in), samples (surveys) ; attack (what an
outsider works out of the published files) → attack_samples, attack_elsewhere ; records (how recognisable single events are, for the certificate). Which figure is told how, and how
figures hang together, is data: contracts/public_edition.yaml. suppression → equations · alternatives protect single tables by leaving
cells out, and prove it; no release uses them. No Dagster; the only files are what earlier releases told, below `disclosed/`.
"""
