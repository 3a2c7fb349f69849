// Zoom, pan, and window of gray values (as in radiology viewers). Image files are not changed.
// Ctrl and the wheel zoom, dragging pans, dragging with Shift or the right button moves the window; a double click resets.

const ZOOM_MOST = 8;
const WINDOW_LEAST = 0.04;
const WINDOW_STEP = 0.05;
const FULL = [0, 1]; // grey values shown as black and as white

function sight(frame, image, told = () => {}) {
  const view = { zoom: 1, x: 0, y: 0, low: FULL[0], high: FULL[1] };
  let dragged = null;
  const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
  const apply = () => {
    const [width, height] = [frame.clientWidth, frame.clientHeight];
    view.x = clamp(view.x, (1 - view.zoom) * width, 0);
    view.y = clamp(view.y, (1 - view.zoom) * height, 0);
    frame.style.setProperty("--sight", `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`);
    // brightness b, then contrast c: grey * b * c + (1 - c) / 2, which is to be (grey - low) / (high - low)
    const contrast = 1 + (2 * view.low) / (view.high - view.low);
    image.style.filter = isFull() ? "" : `brightness(${1 / ((view.high - view.low) * contrast)}) contrast(${contrast})`;
    frame.classList.toggle("is-zoomed", view.zoom > 1);
    told(words());
  };
  const isFull = () => view.low === FULL[0] && view.high === FULL[1];
  const words = () => [
    view.zoom > 1 ? `zoom ${view.zoom.toFixed(1)}×` : "",
    isFull() ? "" : `window ${Math.round(255 * view.low)}–${Math.round(255 * view.high)}`,
  ].filter(Boolean).join(" · ");
  const zoomAt = (factor, x = frame.clientWidth / 2, y = frame.clientHeight / 2) => {
    const zoom = clamp(view.zoom * factor, 1, ZOOM_MOST);
    Object.assign(view, { x: x - ((x - view.x) * zoom) / view.zoom, y: y - ((y - view.y) * zoom) / view.zoom, zoom });
    apply();
  };
  const setWindow = (width, level) => {
    view.low = clamp(level - width / 2, 0, 1 - WINDOW_LEAST);
    view.high = clamp(level + width / 2, view.low + WINDOW_LEAST, 1);
    apply();
  };
  const shift = (wider, brighter) => setWindow(clamp(view.high - view.low + wider, WINDOW_LEAST, 1), (view.low + view.high) / 2 - brighter);
  const reset = () => (Object.assign(view, { zoom: 1, x: 0, y: 0, low: FULL[0], high: FULL[1] }), apply());
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && view.zoom === 1) return; // let the page scroll
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    zoomAt(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  frame.addEventListener("contextmenu", (event) => event.preventDefault());
  frame.addEventListener("dragstart", (event) => event.preventDefault());
  frame.addEventListener("pointerdown", (event) => {
    dragged = { windows: event.button === 2 || event.shiftKey };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    if (dragged.windows) shift(event.movementX / 300, -event.movementY / 300);
    else if (view.zoom > 1) (view.x += event.movementX), (view.y += event.movementY), apply();
  });
  for (const kind of ["pointerup", "pointercancel"]) frame.addEventListener(kind, () => (dragged = null));
  frame.addEventListener("dblclick", reset);
  return {
    reset,
    words,
    centre: () => view.zoom > 1 && (Object.assign(view, { zoom: 1, x: 0, y: 0 }), apply()), // the next image: whole, in the same window
    act: (action) => ({
      zoom_in: () => zoomAt(1.5), zoom_out: () => zoomAt(1 / 1.5), whole: reset,
      narrower: () => shift(-WINDOW_STEP, 0), wider: () => shift(WINDOW_STEP, 0),
      darker: () => shift(0, -WINDOW_STEP), brighter: () => shift(0, WINDOW_STEP),
    })[action]?.(),
  };
}
