// DOM helpers that the viewer and the review panel share. Text is inserted as text, never as HTML.

const STRENGTH_PLACE = "taxoscope.map_strength";
const COMPUTING = "computing the map…";

function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A sentence with its `commands` formatted as code.
function sentence(text) {
  return text.split("`").map((part, i) => (i % 2 ? el("code", { text: part }) : part));
}

function recall(place, otherwise) {
  try {
    return localStorage.getItem(place) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function remember(place, value) {
  try {
    localStorage.setItem(place, value);
  } catch {
    // Without browser storage the setting is not remembered; nothing else changes.
  }
}

function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const hundredths = share * 100;
  if (hundredths > 0 && hundredths < 1) return "<1 %";
  if (hundredths > 99 && hundredths < 100) return ">99 %";
  return `${Math.round(hundredths)} %`;
}

function bars(top) {
  return el("div", { className: "bars", role: "list" }, top.map(({ name, p, is_label }) =>
    el("div", { className: is_label ? "bar is-label" : "bar", role: "listitem", title: is_label ? `${name}: where the current label falls` : name },
      el("span", { className: "bar-name", text: name }),
      el("span", { className: "bar-track" }, el("span", { className: "bar-fill", style: `width: ${Math.min(100, Math.max(0, 100 * (p || 0)))}%` })),
      el("span", { className: "bar-share", text: p === null ? "answer only" : percent(p) }))));
}

function strengthSlider(start, onChange) {
  const kept = Number(recall(STRENGTH_PLACE, NaN));
  const input = el("input", { type: "range", min: "0", max: "1", step: "0.05", "aria-label": "Strength of the map" });
  const share = el("output", { className: "share" });
  const show = () => {
    share.textContent = percent(Number(input.value));
    onChange(Number(input.value));
  };
  input.value = Number.isFinite(kept) && recall(STRENGTH_PLACE, null) !== null ? kept : start;
  input.addEventListener("input", () => {
    remember(STRENGTH_PLACE, input.value);
    show();
  });
  input.addEventListener("pointerup", () => input.blur());
  show();
  return el("label", { className: "strength" }, el("span", { text: "Map strength" }), input, share);
}

// Heatmap layer over an image: fetched by script, so that the server's error message can be shown.
function mapLayer(frame, onChange = () => {}) {
  const image = el("img", { className: "map", alt: "", hidden: true });
  const note = el("div", { className: "map-note", role: "status", hidden: true });
  frame.append(image, note);
  const layer = { url: null, state: "none", caption: "" };
  let asked = null;
  const enter = (state, sentence = "") => {
    layer.state = state;
    image.hidden = state !== "shown";
    note.hidden = !sentence;
    note.className = `map-note is-${state}`;
    note.textContent = sentence;
    frame.classList.toggle("is-computing", state === "computing");
    onChange(layer);
  };
  layer.clear = () => {
    asked?.abort();
    asked = null;
    layer.url = null;
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    enter("none");
  };
  layer.say = (sentence) => enter("said", sentence);
  layer.strength = (share) => (image.style.opacity = share);
  layer.show = async (url, alt = "") => {
    if (layer.url === url && layer.state !== "failed") return;
    layer.clear();
    const asking = (asked = new AbortController());
    layer.url = url;
    enter("computing", COMPUTING);
    try {
      const { blob, caption } = await fetchMap(url, asking.signal);
      if (asking.signal.aborted) return;
      layer.caption = caption;
      image.src = URL.createObjectURL(blob);
      await image.decode();
      if (asking.signal.aborted) return;
      image.alt = alt;
      enter("shown");
    } catch (error) {
      if (!asking.signal.aborted) enter("failed", error.sentence ?? "The map could not be loaded; reload the page to try again.");
    }
  };
  return layer;
}

async function fetchMap(url, signal) {
  const response = await fetch(url, { signal });
  const kind = response.headers.get("content-type") ?? "";
  const caption = decodeURIComponent(response.headers.get("x-caption") ?? "");
  if (response.ok && kind.startsWith("image/")) return { blob: await response.blob(), caption };
  const said = kind.startsWith("text/plain") ? (await response.text()).trim().slice(0, 400) : "";
  throw Object.assign(new Error("no map"), { sentence: said || `The map could not be drawn (HTTP ${response.status}).` });
}
