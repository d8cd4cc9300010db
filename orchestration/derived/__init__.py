"""What Python makes of accepted rows before dbt runs: survey estimates, links between facilities, words of bad reviews, ways."""
