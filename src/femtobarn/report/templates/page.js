"use strict";

// Sort the rows of each group by the column whose heading is pressed; once more turns the order.
function sortBy(heading) {
  const row = heading.parentElement;
  const column = [...row.children].indexOf(heading);
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of row.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  for (const body of heading.closest("table").tBodies) {
    const rows = [...body.rows].filter((each) => !each.classList.contains("group"));
    rows.sort((a, b) => compare(a.cells[column].dataset.key, b.cells[column].dataset.key, down));
    body.append(...rows);
  }
}

// Numbers before text, by size; what is no number at all comes last in both orders.
function compare(a, b, down) {
  const [x, y] = [a, b].map((key) => (key === "" ? NaN : Number(key.replace("inf", "Infinity"))));
  const missing = [a, b].map((key) => key === "" || key === "nan");
  if (missing[0] || missing[1]) return missing[0] - missing[1];
  let order = 0;
  if (Number.isNaN(x) || Number.isNaN(y)) order = Number.isNaN(x) - Number.isNaN(y) || a.localeCompare(b);
  else order = x - y || 0; // two infinities are equal
  return down ? -order : order;
}

for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

// On paper nothing can be opened.
let closed = [];
window.addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const each of closed) each.open = true;
});
window.addEventListener("afterprint", () => {
  for (const each of closed) each.open = false;
});
