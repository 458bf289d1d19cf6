"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  if (!form) return;  // a report on rules alone has no grid
  const shown = document.getElementById("shown");
  const [accounts, regions, classes] = data.sizes;
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const cells = all("a.cell[data-r]");
  cells.forEach((cell) => { cell.dataset.what = cell.getAttribute("aria-label").split(": ")[0]; });
  form.hidden = false;

  const chosen = (name) => (form.elements[name].value === "" ? -1 : Number(form.elements[name].value));
  const span = (one, size) => (one >= 0 ? [one, one + 1] : [0, size]);

  // Calls see(account, region, class, kind) for each cell of the selection.
  const walk = (account, region, kind, see) => {
    const [a0, a1] = span(account, accounts), [r0, r1] = span(region, regions), [c0, c1] = span(kind, classes);
    for (let a = a0; a < a1; a++)
      for (let r = r0; r < r1; r++)
        for (let c = c0; c < c1; c++) {
          const cell = data.cells[(a * regions + r) * classes + c];
          if (cell >= 0) see(a, r, c, data.kinds[cell]);
        }
  };

  const paint = (cell, counts, wanted) => {
    const total = counts.reduce((sum, one) => sum + one, 0);
    const worst = counts.findLastIndex((one) => one > 0);
    const status = data.statuses[worst];
    const part = total && counts[worst] < total;
    cell.className = "cell " + (total ? status : "absent") + (part ? " some" : "") + (total && !wanted.has(status) ? " dim" : "");
    cell.textContent = total ? data.signs[worst] : "·";
    let label = cell.dataset.what + ": " + (total ? status : "not in this selection");
    if (total > 1) label += ", " + counts[worst] + " of " + total;
    ["--c", "--u"].forEach((name, number) => cell.style.setProperty(name, part ? 100 * counts[number] / total : 0));
    if (part) {
      const number = document.createElement("small");
      number.textContent = counts[worst] + "/" + total;
      cell.append(number);
    }
    cell.title = label;
    cell.setAttribute("aria-label", label);
  };

  const show = () => {
    const account = chosen("account"), region = chosen("region"), kind = chosen("class");
    const wanted = new Set(all("input[name=status]:checked", form).map((box) => box.value));
    const none = () => data.statuses.map(() => 0);
    const byClass = new Map(), byAccount = new Map(), total = none(), causes = new Set(), paths = new Set();
    const add = (map, key, status) => { if (!map.has(key)) map.set(key, none()); map.get(key)[status]++; };
    walk(account, region, kind, (a, r, c, [status, found, path]) => {
      total[status]++;
      add(byClass, r + "/" + c, status);
      add(byAccount, a + "/" + r, status);
      if (wanted.has(data.statuses[status])) { found.forEach((one) => causes.add(one)); paths.add(path); }
    });
    cells.forEach((cell) => {
      const { a, r, c } = cell.dataset;
      paint(cell, (c === undefined ? byAccount.get(a + "/" + r) : byClass.get(r + "/" + c)) || none(), wanted);
    });
    all("#by-class tr[data-region]").forEach((row) => { row.hidden = region >= 0 && row.dataset.region !== String(region); });
    all("#by-account tr[data-account]").forEach((row) => { row.hidden = account >= 0 && row.dataset.account !== String(account); });
    all("tr.area").forEach((row) => { row.hidden = region >= 0; });
    all(".finding[data-cause]").forEach((card) => { card.hidden = !causes.has(Number(card.dataset.cause)); });
    all(".path").forEach((card) => { card.hidden = !paths.has(Number(card.dataset.path)); });
    ["findings", "paths"].forEach((id) => {
      const section = document.getElementById(id);
      section.querySelector(".none").hidden = all("article", section).some((card) => !card.hidden);
    });
    const counted = data.statuses.map((name, number) => total[number].toLocaleString("en") + " " + name);
    const narrowed = account >= 0 || region >= 0 || kind >= 0 || wanted.size < data.statuses.length;
    shown.textContent = narrowed ? "In this selection: " + counted.reverse().join(", ") + "." : "";
  };

  form.addEventListener("change", show);
  form.addEventListener("reset", () => setTimeout(show));

  // A click on a cell filters the page by that cell; another click on it shows everything again.
  document.addEventListener("click", (event) => {
    const cell = event.target.closest("a.cell[data-r]");
    if (!cell) return;
    event.preventDefault();
    const { a, r, c } = cell.dataset, fields = form.elements;
    const again = fields.region.value === r && (c === undefined ? fields.account.value === a : fields.class.value === c);
    fields.region.value = again ? "" : r;
    if (c === undefined) fields.account.value = again ? "" : a; else fields.class.value = again ? "" : c;
    show();
  });

  // Each grid is one Tab stop; arrow keys, Home and End move inside it.
  all("table.grid").forEach((table) => {
    const mine = all("a.cell", table);
    mine.forEach((cell, number) => { cell.tabIndex = number ? -1 : 0; });
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("a.cell");
      if (!cell) return;
      const rows = all("tbody tr:not(.area)", table).filter((row) => !row.hidden);
      const row = cell.closest("tr"), column = cell.closest("td").cellIndex;
      const at = rows.indexOf(row);
      const down = { ArrowDown: 1, ArrowUp: -1 }[event.key], right = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const last = row.cells.length - 1;
      let to = null;
      if (down) for (let y = at + down; !to && rows[y]; y += down) to = rows[y].cells[column].querySelector("a.cell");
      else if (right) for (let x = column + right; !to && row.cells[x]; x += right) to = row.cells[x].querySelector("a.cell");
      else if (event.key === "Home") to = row.querySelector("a.cell");
      else if (event.key === "End") for (let x = last; !to && x > 0; x--) to = row.cells[x].querySelector("a.cell");
      else if (event.key === " ") { event.preventDefault(); cell.click(); return; }
      else return;
      event.preventDefault();
      if (!to) return;
      mine.forEach((one) => { one.tabIndex = -1; });
      to.tabIndex = 0;
      to.focus();
    });
  });

  // Folded details are printed too.
  let opened = [];
  addEventListener("beforeprint", () => { opened = all("details:not([open])"); opened.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
})();
