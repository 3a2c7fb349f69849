export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".gallery");
  const bar = parentElement.querySelector(".gallery-bar");
  const ids = data.tiles.map((tile) => tile.image_id);
  const chosen = (root.chosen ??= new Set(data.chosen)); // survives reruns of the page
  const text = (name, words) => {
    const element = document.createElement("span");
    element.className = name;
    element.textContent = words;
    element.title = words;
    return element;
  };
  const tell = () => {
    show();
    setStateValue("chosen", [...chosen]);
  };
  const button = (words, does, hidden) => {
    const element = document.createElement("button");
    Object.assign(element, { type: "button", textContent: words, hidden, onclick: does });
    return element;
  };
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
  const chooser = (tile) => {
    const box = document.createElement("button");
    Object.assign(box, { type: "button", className: "choose", title: "Choose (X); with Shift: all up to here" });
    box.setAttribute("role", "checkbox");
    box.setAttribute("aria-label", `Choose ${tile.image_id}`);
    box.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.toggle(tile.image_id, event.shiftKey);
    });
    return box;
  };
  const draw = (tile, drawnAs) => {
    const link = document.createElement("a");
    link.className = "tile";
    link.href = tile.href;
    link.dataset.image = tile.image_id;
    const frame = document.createElement("div");
    frame.className = "frame";
    const image = document.createElement("img");
    image.loading = "lazy";
    image.alt = `${tile.left} ${tile.right}`;
    image.src = tile.src;
    frame.append(image);
    if (tile.badge) frame.append(text("badge", tile.badge));
    const line = document.createElement("div");
    line.className = "line";
    line.append(text("left", tile.left), text("right", tile.right));
    link.append(frame, line);
    if (tile.below) {
      const below = text("below", tile.below);
      below.style.display = "block";
      link.append(below);
    }
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // the browser opens the link in a new tab
      event.preventDefault();
      root.open(tile.image_id);
    });
    const item = document.createElement("div");
    item.className = "item";
    item.setAttribute("role", "listitem");
    item.dataset.image = tile.image_id;
    item.drawnAs = drawnAs;
    item.append(link);
    if (data.choosing) {
      item.append(chooser(tile));
      item.addEventListener("keydown", (event) => {
        if (event.key.toLowerCase() !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopPropagation();
        root.toggle(tile.image_id, event.shiftKey);
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
  const name = localStorageName();
  if (data.choosing && name && root.told !== name) setStateValue("reviewer", (root.told = name));
}

// The reviewer's name that was entered on Review in this browser.
function localStorageName() {
  try {
    return localStorage.getItem("taxoscope.reviewer_name") ?? "";
  } catch {
    return "";
  }
}
