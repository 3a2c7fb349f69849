// Image area of the review panel: heatmap, strip of neighboring queue images, and previous decisions.

const MAP_DELAY_MS = 150; // avoids requests for heatmaps of images that a fast reviewer skips
const STRIP_BEFORE = 3;
const STRIP_LENGTH = 9;

function drawMap(s, shown) {
  const { ui } = s;
  const maps = isBlind(s) ? [] : (shown.maps ?? []);
  const chosen = maps.find((one) => one.who === s.mapWho) ?? maps[0];
  ui.mapTools.hidden = !maps.length;
  ui.mapButton.replaceChildren(button(s, "map", "Map", { pressed: s.mapOn }));
  if ([...ui.mapPick.options].map((one) => one.value).join("\n") !== maps.map((one) => one.who).join("\n"))
    ui.mapPick.replaceChildren(...maps.map((one) => el("option", { value: one.who, text: one.who })));
  ui.mapPick.hidden = maps.length < 2;
  if (chosen) ui.mapPick.value = chosen.who;
  const url = s.mapOn && chosen ? chosen.url : null;
  if (url === s.mapUrl) return;
  s.mapUrl = url;
  clearTimeout(s.mapTimer);
  s.layer.clear();
  if (url) s.mapTimer = setTimeout(() => s.layer.show(url, `What decided, according to ${chosen.who}`), MAP_DELAY_MS);
}

function drawStrip(s) {
  const { ui } = s;
  ui.strip.hidden = s.single || s.order.length < 2;
  if (ui.strip.hidden) return;
  const at = s.order.indexOf(s.current);
  const from = Math.max(0, Math.min(at - STRIP_BEFORE, s.order.length - STRIP_LENGTH));
  const ids = s.order.slice(from, from + STRIP_LENGTH);
  for (const id of s.thumbs.keys()) if (!ids.includes(id)) s.thumbs.delete(id);
  ids.forEach((id) => {
    if (!s.thumbs.has(id)) {
      const thumb = button(s, `goto:${id}`, "", { className: "thumb", label: `Go to ${id}` });
      thumb.append(el("img", { src: s.known.get(id).src, alt: "" }), el("span", { className: "tick" }));
      s.thumbs.set(id, thumb);
    }
    const thumb = s.thumbs.get(id);
    thumb.classList.toggle("is-current", id === s.current);
    thumb.classList.toggle("is-answered", Boolean(answerOf(s, id)));
    thumb.classList.toggle("is-saving", isUnsaved(s, id));
    thumb.setAttribute("aria-current", id === s.current);
  });
  const nodes = ids.map((id) => s.thumbs.get(id));
  if (nodes.some((node, i) => ui.strip.children[i] !== node) || ui.strip.children.length !== nodes.length) ui.strip.replaceChildren(...nodes);
}

function stateChips(s, id) {
  const answer = answerOf(s, id);
  const by = s.known.get(id)?.flagged;
  const flag = isFlagged(s, id) ? [el("span", { className: "chip is-flagged", text: by ? `flagged by ${by}` : "flagged" })] : [];
  if (isUnsaved(s, id)) return [...flag, el("span", { className: "chip is-saving", text: "saving…" })];
  return answer ? [...flag, el("span", { className: "chip is-saved", text: `${ANSWER_WORDS[answer] ?? answer} · saved` })] : flag;
}
