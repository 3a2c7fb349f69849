// Nearest images in a run's embedding, for reference. Requested after a pause on an image, so that fast reviewers
// do not wait for them; their labels are hidden whenever earlier labels are hidden.

const NEAREST_DELAY_MS = 250;
const NEAREST_PLACE = "taxoscope.nearest_run";
const NEAREST_KEPT = 200;

function nearestImages() {
  const known = new Map();
  const pick = el("select", { "aria-label": "Whose embedding", onchange: () => (remember(NEAREST_PLACE, pick.value), pick.blur(), show(now)) });
  const head = el("h4", {}, "Nearest images", pick);
  const tiles = el("div", { className: "nearest-tiles" });
  const root = el("div", { className: "nearest", hidden: true }, head, tiles);
  let now = null;
  let timer = null;
  let asking = null;
  let drawn = "";
  const show = (asked) => {
    now = asked;
    const { id, run_ids, command, blind } = asked;
    root.hidden = !run_ids.length && !command;
    if (root.hidden) return;
    pick.hidden = !run_ids.length;
    if ([...pick.options].map((one) => one.value).join("\n") !== run_ids.join("\n"))
      pick.replaceChildren(...run_ids.map((run_id) => el("option", { value: run_id, text: run_id })));
    const run_id = run_ids.includes(recall(NEAREST_PLACE, "")) ? recall(NEAREST_PLACE, "") : run_ids[0];
    if (!run_id) return say(`hint ${command}`, `To see them, embed the images: \`${command}\``);
    pick.value = run_id;
    const url = `/nearest/${encodeURIComponent(run_id)}/${encodeURIComponent(id)}`;
    if (known.has(url)) return draw(url, blind);
    if (drawn === `wait ${url}`) return;
    clearTimeout(timer);
    asking?.abort();
    tiles.classList.add("is-waiting");
    drawn = `wait ${url}`;
    timer = setTimeout(() => ask(url), NEAREST_DELAY_MS);
  };
  const ask = async (url) => {
    const mine = (asking = new AbortController());
    try {
      const response = await fetch(url, { signal: mine.signal });
      known.set(url, response.ok ? { images: await response.json() } : { sentence: (await response.text()).slice(0, 400) });
      if (known.size > NEAREST_KEPT) known.delete(known.keys().next().value);
    } catch {
      if (!mine.signal.aborted) say(`late ${url}`, "The nearest images could not be loaded; the next image tries again.");
      return;
    }
    if (!mine.signal.aborted && now) draw(url, now.blind);
  };
  const draw = (url, blind) => {
    clearTimeout(timer);
    const { images, sentence: words } = known.get(url);
    if (words) return say(url, words);
    if (drawn === `${blind} ${url}`) return;
    drawn = `${blind} ${url}`;
    tiles.classList.remove("is-waiting");
    tiles.replaceChildren(...images.map((one) => el("a", { className: "near", href: `inspect?image=${encodeURIComponent(one.id)}`, target: "_blank", title: `${one.id} · ${one.split} · cosine ${one.cosine.toFixed(3)}` },
      el("img", { src: one.src, alt: one.id, loading: "lazy" }), blind ? null : el("span", { className: "near-label", text: one.label_text.replaceAll(".", ".\u200b") }),
      one.same_patient ? el("span", { className: "near-patient", text: "same patient" }) : null)));
  };
  const say = (name, words) => {
    if (drawn === name) return;
    drawn = name;
    tiles.classList.remove("is-waiting");
    tiles.replaceChildren(el("p", { className: "near-said" }, sentence(words)));
  };
  const clear = () => (clearTimeout(timer), asking?.abort());
  return { root, show, clear };
}
