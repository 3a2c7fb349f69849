const viewers = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".viewer");
  const view = viewers.get(parentElement) ?? createViewer(root, data);
  viewers.set(parentElement, view);
  draw(view, data);
  return () => {
    view.panels.forEach((panel) => panel.layer.clear());
    viewers.delete(parentElement);
  };
}

function createViewer(root, data) {
  const view = { root, panels: [], strength: 0 };
  view.grid = el("div", { className: "panels", role: "list" });
  view.slider = strengthSlider(data.strength, (share) => {
    view.strength = share;
    view.panels.forEach((panel) => panel.layer.strength(share));
  });
  root.replaceChildren(el("div", { className: "tools" }, view.slider), view.grid);
  return view;
}

function draw(view, data) {
  view.root.style.setProperty("--height", `${data.height_px}px`);
  view.root.style.setProperty("--panels", Math.max(1, data.panels.length));
  view.slider.hidden = !data.panels.some((panel) => panel.map);
  while (view.panels.length > data.panels.length) {
    const panel = view.panels.pop();
    panel.layer.clear();
    panel.element.remove();
  }
  data.panels.forEach((shown, index) => {
    const panel = (view.panels[index] ??= createPanel(view));
    drawPanel(panel, shown);
    panel.layer.strength(view.strength);
  });
}

function createPanel(view) {
  const panel = { title: el("div", { className: "title" }), caption: el("div", { className: "caption" }), drawn: el("div", { className: "drawn" }), below: el("div") };
  panel.image = el("img", { className: "image", decoding: "async" });
  panel.frame = el("div", { className: "frame" }, panel.image);
  panel.layer = mapLayer(panel.frame, (layer) => (panel.drawn.textContent = layer.state === "shown" ? layer.caption : ""));
  panel.image.addEventListener("error", () => panel.layer.say("The image could not be loaded; reload the page to try again."));
  panel.element = el("figure", { className: "panel", role: "listitem" },
    el("figcaption", {}, panel.title, panel.caption), panel.frame, panel.drawn, panel.below);
  view.grid.append(panel.element);
  return panel;
}

function drawPanel(panel, { title, caption, image, map, state, top }) {
  panel.title.textContent = panel.title.title = title;
  panel.caption.textContent = caption ?? "";
  panel.image.alt = [title, caption].filter(Boolean).join(", ");
  if (panel.image.getAttribute("src") !== image) {
    panel.layer.clear();
    panel.image.src = image;
  }
  if (map && !state) panel.layer.show(map, `What decided, according to ${title}`);
  else {
    panel.layer.clear();
    if (state) panel.layer.say(state);
  }
  panel.below.replaceChildren(...(top?.length ? [bars(top)] : []));
}
