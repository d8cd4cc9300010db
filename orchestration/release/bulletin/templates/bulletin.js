// Filters, sorting and the way to the other language. Without it every table is there whole.
"use strict";

const filtered = [...document.querySelectorAll("[data-filtered]")].map((section) => {
  const form = section.querySelector("form"), rows = [...section.querySelectorAll("[data-state]")];
  const words = form.querySelector("[data-words]"), states = [...form.querySelectorAll("[type=checkbox]")];
  const output = form.querySelector("output");
  const apply = () => {
    const wanted = words.value.trim().toLowerCase(), chosen = states.filter((s) => s.checked).map((s) => s.value);
    let shown = 0;
    for (const row of rows) {
      const fits = (!chosen.length || chosen.includes(row.dataset.state)) && row.firstElementChild.textContent.toLowerCase().includes(wanted);
      row.hidden = !fits;
      shown += fits;
    }
    output.textContent = output.dataset.wordsOf.replace("{n}", shown).replace("{all}", rows.length);
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
  return { section, states, apply };
});

// #facility&bad: the halls that are bad. Links and the other language carry it.
function fromAddress() {
  const [kind, ...states] = location.hash.slice(1).split(/&|%26/);
  const found = filtered.find((f) => f.section.id === kind);
  if (!found || !states.length) return;
  for (const box of found.states) box.checked = states.includes(box.value);
  found.apply();
  found.section.scrollIntoView();
}
addEventListener("hashchange", fromAddress);
fromAddress();

for (const link of document.querySelectorAll("[data-language]"))
  link.addEventListener("click", () => {
    const at = filtered.find((f) => f.states.some((s) => s.checked));
    link.hash = at ? [at.section.id, ...at.states.filter((s) => s.checked).map((s) => s.value)].join("&") : location.hash;
  });

for (const form of document.querySelectorAll("[data-dictionary]")) {
  const entries = [...document.querySelectorAll(".entry")].map((entry) => ({
    entry, head: entry.querySelector("h2").textContent.toLowerCase(),
    rows: [...entry.querySelectorAll("tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
  }));
  const output = form.querySelector("output"), contents = document.querySelector(".entries");
  const apply = () => {
    const words = form.querySelector("input").value.trim().toLowerCase().split(/\s+/);
    // Who searches wants what is found first; the list of all tables would also lead to those that are hidden.
    contents.hidden = words[0] !== "";
    let shown = 0;
    for (const { entry, head, rows } of entries) {
      let here = 0;
      for (const { row, text } of rows) {
        row.hidden = !words.every((word) => head.includes(word) || text.includes(word));
        here += !row.hidden;
      }
      entry.hidden = !here;
      shown += here;
    }
    output.textContent = form.dataset.wordsOf.replace("{n}", shown);
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    if ("unsorted" in head.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const key = (row) => row.cells[column].dataset.order ?? row.cells[column].textContent.trim();
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        // What has no figure stays at the end, whichever way the rest is sorted.
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = isNaN(x) || isNaN(y) ? x.localeCompare(y, document.documentElement.lang) : x - y;
        return down ? -order : order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
