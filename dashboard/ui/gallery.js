const NAME_PLACE = "taxoscope.reviewer_name"; // where Review keeps the reviewer's name in this browser

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".gallery");
  const bar = parentElement.querySelector(".gallery-bar");
  const ids = data.tiles.map((tile) => tile.image_id);
  const chosen = (root.chosen ??= new Set(data.chosen)); // survives reruns of the page
  const text = (className, words) => el("span", { className, text: words, title: words });
  const tell = () => {
    show();
    setStateValue("chosen", [...chosen]);
  };
  const button = (words, onclick, hidden) => el("button", { type: "button", text: words, hidden, onclick });
  const show = () => {
    for (const tile of root.children) {
      const is = chosen.has(tile.dataset.image);
      tile.classList.toggle("is-chosen", is);
      tile.querySelector(".choose")?.setAttribute("aria-checked", String(is));
    }
    if (!data.choosing) return;
    const here = ids.filter((id) => chosen.has(id)).length;
    const elsewhere = chosen.size - here;
    bar.replaceChildren(
      text("count", chosen.size ? `${chosen.size} chosen${elsewhere ? `, ${elsewhere} of them on other pages` : ""}` : "Choose images to label them together"),
      button(`Choose all ${ids.length} on this page`, () => (ids.forEach((id) => chosen.add(id)), tell()), here === ids.length),
      button("Choose none", () => (chosen.clear(), tell()), !chosen.size),
    );
  };
  const toggle = (id, range) => {
    const add = !chosen.has(id);
    const [from, to] = [ids.indexOf(root.last), ids.indexOf(id)].sort((a, b) => a - b);
    const among = range && from >= 0 ? ids.slice(from, to + 1) : [id];
    for (const one of among) add ? chosen.add(one) : chosen.delete(one);
    root.last = id;
    tell();
  };
  const choose = (event, tile) => {
    event.preventDefault();
    event.stopPropagation();
    root.toggle(tile.image_id, event.shiftKey);
  };
  const open = (event, tile) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // the browser opens the link in a new tab
    event.preventDefault();
    root.open(tile.image_id);
  };
  const chooser = (tile) => el("button", {
    type: "button", className: "choose", title: "Choose (X); with Shift: all up to here", role: "checkbox",
    "aria-label": `Choose ${tile.image_id}`, onclick: (event) => choose(event, tile),
  });
  const draw = (tile, drawnAs) => {
    const image = el("img", { loading: "lazy", alt: `${tile.left} ${tile.right}`, src: tile.src });
    const link = el("a", { className: "tile", href: tile.href, "data-image": tile.image_id, onclick: (event) => open(event, tile) },
      el("div", { className: "frame" }, image, tile.badge && text("badge", tile.badge)),
      el("div", { className: "line" }, text("left", tile.left), text("right", tile.right)),
      tile.below && el("span", { className: "below", text: tile.below, title: tile.below, style: "display: block" }));
    const item = el("div", { className: "item", role: "listitem", "data-image": tile.image_id }, link, data.choosing && chooser(tile));
    item.drawnAs = drawnAs;
    if (data.choosing) {
      item.addEventListener("keydown", (event) => {
        if (event.key.toLowerCase() === "x" && !event.ctrlKey && !event.metaKey && !event.altKey) choose(event, tile);
      });
    }
    return item;
  };
  // An unchanged tile keeps its element, so that a rerun of the page does not take its focus, key or click.
  const drawn = new Map([...root.children].map((item) => [item.drawnAs, item]));
  const items = data.tiles.map((tile) => {
    const drawnAs = JSON.stringify([tile, data.choosing]);
    return drawn.get(drawnAs) ?? draw(tile, drawnAs);
  });
  Object.assign(root, { toggle, open: (id) => setTriggerValue("open", id) });
  bar.hidden = !data.choosing;
  if (items.length !== root.children.length || items.some((item, i) => item !== root.children[i])) {
    const focused = root.getRootNode().activeElement;
    const at = focused?.closest?.(".item")?.dataset.image;
    const part = focused?.classList.contains("choose") ? ".choose" : ".tile";
    root.replaceChildren(...items);
    if (at) items.find((item) => item.dataset.image === at)?.querySelector(part)?.focus({ preventScroll: true });
  }
  show();
  const name = recall(NAME_PLACE, "");
  if (data.choosing && name && root.sentName !== name) setStateValue("reviewer", (root.sentName = name));
}
