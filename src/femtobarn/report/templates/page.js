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

// A drawing whose parts say where they lie in space is turned by dragging it, or by the arrow keys.
function makeTurnable(drawing) {
  let [yaw, pitch, unit] = drawing.dataset.turn.split(" ").map(Number);
  const { width, height } = drawing.viewBox.baseVal;
  const parts = [...drawing.querySelectorAll("[data-at]")].map((part) => ({
    part,
    points: part.dataset.at.split(",").map((point) => point.trim().split(" ").map(Number)),
  }));

  function project([x, y, z]) {
    const right = x * Math.cos(yaw) + z * Math.sin(yaw);
    const back = z * Math.cos(yaw) - x * Math.sin(yaw);
    const up = y * Math.cos(pitch) - back * Math.sin(pitch);
    return [width / 2 + unit * right, height / 2 - unit * up, y * Math.sin(pitch) + back * Math.cos(pitch)];
  }

  function draw() {
    const circles = [];
    for (const { part, points } of parts) {
      const drawn = points.map(project);
      if (part.tagName === "circle") {
        part.setAttribute("cx", drawn[0][0].toFixed(1));
        part.setAttribute("cy", drawn[0][1].toFixed(1));
        circles.push([drawn[0][2], part]);
      } else {
        part.setAttribute("points", drawn.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
      }
    }
    circles.sort((a, b) => a[0] - b[0]); // what is near covers what is far
    for (const [, circle] of circles) circle.parentElement.append(circle);
  }

  function turn(right, up) {
    yaw += right;
    pitch = Math.max(-1.5, Math.min(1.5, pitch + up));
    requestAnimationFrame(draw);
  }

  drawing.style.touchAction = "none";
  drawing.style.cursor = "grab";
  drawing.tabIndex = 0;
  drawing.addEventListener("pointerdown", (event) => drawing.setPointerCapture(event.pointerId));
  drawing.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(event.movementX / 120, event.movementY / 120);
  });
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (!step) return;
    event.preventDefault();
    turn(...step);
  });
}

// A drawing whose parts say to which layer they belong gets a box to tick for each.
function addLayers(drawing) {
  const parts = [...drawing.querySelectorAll("[data-layer]")];
  const boxes = document.createElement("p");
  for (const name of new Set(parts.map((part) => part.dataset.layer))) {
    const own = parts.filter((part) => part.dataset.layer === name);
    const [label, box] = [document.createElement("label"), document.createElement("input")];
    box.type = "checkbox";
    box.checked = own[0].getAttribute("display") !== "none";
    box.addEventListener("change", () => {
      for (const part of own) part.setAttribute("display", box.checked ? "inline" : "none");
    });
    label.append(box, ` ${name} `);
    boxes.append(label);
  }
  if (parts.length) drawing.after(boxes);
}

for (const drawing of document.querySelectorAll("svg[data-turn]")) {
  makeTurnable(drawing);
  addLayers(drawing);
}
