// State of the review panel, and the effect of each action on it. Does not access the DOM.

const NAME_PLACE = "taxoscope.reviewer_name";
const MODE_PLACE = "taxoscope.answer_by";
const MAP_PLACE = "taxoscope.map_on";
const BLIND_PLACE = "taxoscope.blind";
const NAME_MOST = 100;
const PREFETCH_AHEAD = 8;

function createState() {
  return {
    box: outbox(), data: null, known: new Map(), order: [], local: new Map(), drafts: new Map(), notes: new Map(),
    flags: new Map(), reasons: new Map(), opened: false, served: "", touched: false,
    current: null, queue: null, position: null, single: false, name: recall(NAME_PLACE, ""), naming: false, sentence: "",
    mode: recall(MODE_PLACE, "parts"), taxonomy: null, mapOn: recall(MAP_PLACE, "yes") === "yes", mapWho: null,
    mapShown: false, blind: recall(BLIND_PLACE, "no") === "yes", keysShown: false, prefetched: new Map(),
  };
}

// Merge new data from the server (a window of the queue) with the local state and decisions.
function takeData(s, data) {
  const first = s.data === null;
  s.data = data;
  if ((data.queue ?? "") !== s.queue) Object.assign(s, { queue: data.queue ?? "", order: [], current: null, opened: false });
  // Before it knows the reviewer, the server cannot lease images: if no key was pressed since, start the queue again.
  const named = (data.reviewer ?? "") !== s.served && !s.touched;
  s.served = data.reviewer ?? "";
  if (named) Object.assign(s, { order: [], current: null });
  s.single = data.single ?? data.n_total === 1;
  const offered = data.items.map((item) => item.id);
  data.items.forEach((item) => s.known.set(item.id, item));
  if (first) s.box.log.forEach((entry) => restoreLocal(s, entry));
  const refusals = s.box.receive(data.acked, data.rejected);
  refusals.forEach((refusal) => takeRefusal(s, refusal));
  for (const id of offered) if (!isUnsaved(s, id)) s.flags.delete(id);
  for (const item of data.items) if (s.local.has(item.id) && !isUnsaved(s, item.id)) s.local.get(item.id).label = item.label;
  // The image being reviewed is not replaced, even if another reviewer has decided about it.
  const stays = (id) => offered.includes(id) || (!s.single && (s.local.has(id) || (id === s.current && s.touched)));
  s.order = s.order.filter(stays);
  s.order.push(...offered.filter((id) => !s.order.includes(id)));
  if (!s.order.includes(s.current)) s.current = null;
  placeAt(s, data, first || named);
  s.mode = data.taxonomies.length ? s.mode : "parts";
  if (!data.taxonomies.some((one) => one.name === s.taxonomy)) s.taxonomy = data.taxonomies[0]?.name ?? null;
}

function placeAt(s, data, first) {
  const asked = data.position !== s.position ? data.position : null;
  s.position = data.position;
  const left = first ? s.box.places[data.key] : null;
  const resumes = left?.asked === (data.position ?? null) && s.order.includes(left.id) && !answerOf(s, left.id);
  if (resumes) s.current = left.id;
  else if (asked && s.order.includes(asked)) s.current = asked;
  if (s.current === null) s.current = s.single ? (s.order[0] ?? null) : nextUnanswered(s, -1);
}

function restoreLocal(s, entry) {
  const { answer, image_id, client_id, seq } = entry;
  if (!s.known.has(image_id)) return;
  if (FLAGS.includes(answer)) return void s.flags.set(image_id, answer === "flag");
  const label = answer === "relabel" ? readLabelText(s.data.space, entry.after) : s.known.get(image_id).label;
  s.local.set(image_id, { answer: answer === "undo" ? null : answer, label, client_id, seq });
}

function takeRefusal(s, { client_id, seq, sentence, entry }) {
  const id = entry?.image_id;
  s.sentence = id ? `${id} was not saved: ${sentence}` : `Not saved: ${sentence}`;
  if (id && s.local.get(id)?.seq === seq && s.local.get(id)?.client_id === client_id) s.local.delete(id);
  if (id && FLAGS.includes(entry.answer)) s.flags.delete(id);
  if (id && entry.note && !s.notes.get(id)) s.notes.set(id, entry.note);
}

function item(s) {
  return s.known.get(s.current) ?? null;
}

function labelOf(s, id) {
  return s.local.get(id)?.label ?? s.known.get(id)?.label ?? [];
}

// Whether earlier labels are hidden until the reviewer has decided. In a second review they are hidden until the
// reviewer asks to see them.
function isBlind(s) {
  return !s.data.compact && (s.data.blind === true || (s.data.second ? !s.opened : s.blind));
}

function setBlind(s) {
  s.drafts.clear();
  if (s.data.second) return void (s.opened = !s.opened);
  s.blind = !s.blind;
  remember(BLIND_PLACE, s.blind ? "yes" : "no");
}

function startOf(s, id) {
  return isBlind(s) && !s.local.has(id) ? Object.keys(s.data.space.leaves) : labelOf(s, id);
}

function answerOf(s, id) {
  return s.local.has(id) ? s.local.get(id).answer : (s.known.get(id)?.answered ?? null);
}

function isUnsaved(s, id) {
  return s.box.log.some((entry) => entry.image_id === id);
}

function nLeft(s) {
  let left = s.data.n_left;
  for (const id of new Set(s.box.log.map((entry) => entry.image_id))) {
    if (!s.known.has(id)) continue;
    left += (s.known.get(id).answered ? 1 : 0) - (answerOf(s, id) ? 1 : 0);
  }
  return Math.max(0, left);
}

function nextUnanswered(s, from) {
  const ahead = [...s.order.slice(from + 1), ...s.order.slice(0, Math.max(0, from))];
  return ahead.find((id) => !answerOf(s, id)) ?? null;
}

function draftOf(s) {
  if (!s.drafts.has(s.current)) s.drafts.set(s.current, emptyDraft());
  return s.drafts.get(s.current);
}

function emptyDraft() {
  return { changes: new Map(), lone: null, cls: null };
}

function classesOf(s) {
  const taxonomy = s.data.taxonomies.find((one) => one.name === s.taxonomy);
  return Object.entries(taxonomy?.classes ?? {});
}

// What Save would store: {label}, or {sentence} that says why it cannot, or {} without a change.
function outcome(s) {
  if (!s.current) return {};
  const { space } = s.data;
  const { changes, lone, cls } = draftOf(s);
  const before = startOf(s, s.current);
  const leaves = cls === null ? null : classesOf(s).find(([name]) => name === cls)?.[1];
  if (!lone && !leaves && !changes.size) return {};
  const label = lone ? [lone] : leaves ? answerLabel(space, before, leaves) : editLabel(space, before, changes);
  if (!label.length) return { sentence: impossibleSentence(changes) };
  if (sameLabel(label, before)) return { sentence: "The label says that already; press Y if it is right.", label };
  return { label, changes: true };
}

// Handle the action of any key or button; `action` comes from assignKeys. Returns "focus:…" if the DOM must change.
function act(s, action) {
  const [what, a, b] = action.split(":");
  if (!["confirm", "cannot_tell", "skip", "save"].includes(what)) s.sentence = "";
  if (what === "part") return setPart(s, Number(a), Number(b));
  if (what === "lone") return setLone(s, Number(a));
  if (what === "class") return setClass(s, Number(a));
  if (what === "save") return save(s);
  if (["confirm", "cannot_tell", "skip"].includes(what)) return decide(s, what);
  if (what === "undo") return undo(s);
  if (what === "next") return step(s, 1);
  if (what === "previous") return step(s, -1);
  if (what === "goto") return goTo(s, action.slice("goto:".length));
  if (what === "note") return s.current ? "focus:note" : null;
  if (what === "rename") return (s.naming = true), "focus:name";
  if (what === "map") return (s.mapOn = !s.mapOn), remember(MAP_PLACE, s.mapOn ? "yes" : "no");
  if (what === "blind") return setBlind(s);
  if (what === "flag") return flag(s);
  if (what === "reason") return nextReason(s);
  if (what === "search") return s.current ? "search" : null;
  if (LOOKING.includes(what)) return "look:" + what;
  if (what === "keys") return void (s.keysShown = !s.keysShown);
  if (what === "mode") return setMode(s, a ?? (s.mode === "parts" ? "class" : "parts"));
}

function setPart(s, p, v) {
  if (!s.current) return;
  const { space } = s.data;
  const part = space.parts[p];
  const value = v === UNKNOWN_VALUE ? null : part.values[v];
  const draft = Object.assign(draftOf(s), { lone: null, cls: null });
  const drafted = draft.changes.has(part.name) && draft.changes.get(part.name) === value;
  const before = startOf(s, s.current);
  const stands = settledParts(space, before)[p] === value && before.some((leaf) => valuesOf(space, leaf).length);
  if (drafted || (stands && value !== null)) draft.changes.delete(part.name);
  else draft.changes.set(part.name, value);
}

function setLone(s, i) {
  if (!s.current) return;
  const leaf = s.data.space.lone[i];
  const draft = draftOf(s);
  s.drafts.set(s.current, { ...emptyDraft(), lone: draft.lone === leaf ? null : leaf });
}

function setClass(s, i) {
  const name = classesOf(s)[i]?.[0];
  if (!s.current || name === undefined) return;
  const draft = draftOf(s);
  s.drafts.set(s.current, { ...emptyDraft(), cls: draft.cls === name ? null : name });
}

function setFound(s, { leaf, cls, taxonomy }) {
  if (!s.current) return;
  if (taxonomy) s.taxonomy = taxonomy;
  s.drafts.set(s.current, { ...emptyDraft(), lone: leaf ?? null, cls: cls ?? null });
}

function setMode(s, mode) {
  if (!s.data.taxonomies.length) return;
  s.mode = mode;
  s.drafts.delete(s.current);
  remember(MODE_PLACE, mode);
}

function save(s) {
  const { label, changes, sentence } = outcome(s);
  if (!s.current) return;
  if (!changes) return void (s.sentence = sentence ?? "Nothing is changed yet: choose a value, or press Y if the label is right.");
  return decide(s, "relabel", label);
}

function askName(s) {
  Object.assign(s, { naming: true, sentence: "Say who you are first: decisions carry your name." });
  return "focus:name";
}

function decide(s, answer, label = null) {
  const id = s.current;
  if (!id) return;
  if (!s.name) return askName(s);
  const before = labelOf(s, id);
  const { space } = s.data;
  if (answer === "confirm" && isBlind(s) && !s.local.has(id)) return void (s.sentence = "The label is hidden: say what you see, then save.");
  const words = answer === "relabel" ? labelWords(space, label) : ANSWER_WORDS[answer];
  const byClass = answer === "relabel" && draftOf(s).cls !== null;
  if (answer === "relabel" && sameLabel(label, before)) answer = "confirm"; // seen blind, and the same
  const after = answer === "relabel" ? label : answer === "confirm" ? before : null;
  const note = (s.notes.get(id) ?? "").trim();
  const reason = answer === "skip" ? "" : (s.reasons.get(id) ?? "");
  const entry = s.box.push({ ...proposal(s, id, answer), after: after && labelText(space, after), note, reason, taxonomy: byClass ? s.taxonomy : "" }, words, s);
  s.box.history.push({ ...entry, before, was: answerOf(s, id) });
  s.local.set(id, { answer, label: answer === "relabel" ? label : before, client_id: entry.client_id, seq: entry.seq });
  s.drafts.delete(id);
  s.notes.delete(id);
  s.reasons.delete(id);
  s.sentence = "";
  if (!s.single) setCurrent(s, nextUnanswered(s, s.order.indexOf(id)));
  s.box.keep();
}

function undo(s) {
  const last = s.box.history.at(-1);
  if (!last) return void (s.sentence = "Nothing to undo: no decision was made since this page was opened.");
  if (s.single && !s.order.includes(last.image_id)) return void (s.sentence = `The last decision was about ${last.image_id}; open that image to undo it.`);
  s.box.history.pop();
  const entry = s.box.push({ ...proposal(s, last.image_id, "undo"), reviewer: last.reviewer, after: null, note: "", undoes_seq: last.seq }, "undone", s);
  if (FLAGS.includes(last.answer)) s.flags.set(last.image_id, last.was);
  else s.local.set(last.image_id, { answer: last.was, label: last.before, client_id: entry.client_id, seq: entry.seq });
  if (s.known.has(last.image_id)) {
    if (!s.order.includes(last.image_id)) s.order.unshift(last.image_id);
    setCurrent(s, last.image_id);
  }
  s.sentence = s.known.has(last.image_id) ? "" : `The decision about ${last.image_id} is undone; that image is not in this queue.`;
  s.box.keep();
}

function proposal(s, image_id, answer) {
  const shown = s.known.get(image_id);
  return {
    image_id, answer, reviewer: s.name, runs: (shown?.says ?? []).flatMap((one) => one.run_ids ?? [one.who]),
    maps_shown: image_id === s.current && s.mapOn && s.mapShown, blind: isBlind(s),
    chosen_by: shown?.chosen_by ?? s.data.chosen_by ?? "", adjudicates: answer !== "undo" && s.data.adjudicates === true,
  };
}

function step(s, by) {
  if (s.single) return;
  const at = s.current === null ? s.order.length : s.order.indexOf(s.current);
  const to = s.order[at + by];
  if (to !== undefined) return void setCurrent(s, to);
  if (s.current !== null) s.sentence = by > 0 ? "This is the last image of the queue." : "This is the first image of the queue.";
}

function goTo(s, id) {
  if (s.known.has(id) && !s.order.includes(id)) s.order.unshift(id);
  if (s.known.has(id)) setCurrent(s, id);
}

function setCurrent(s, id) {
  s.current = id;
  s.mapShown = false;
  s.box.places[s.data.key] = { id, asked: s.data.position ?? null };
}

function prefetch(s) {
  const at = s.order.indexOf(s.current);
  const wanted = s.order.slice(at + 1).filter((id) => !answerOf(s, id)).slice(0, PREFETCH_AHEAD);
  for (const id of s.prefetched.keys()) if (!wanted.includes(id)) s.prefetched.delete(id);
  for (const id of wanted) {
    if (s.prefetched.has(id)) continue;
    const image = new Image();
    image.src = s.known.get(id).src;
    s.prefetched.set(id, image);
  }
}

const FLAGS = ["flag", "unflag"];
const ANSWER_WORDS = {
  relabel: "relabelled", confirm: "the label is right", cannot_tell: "cannot tell", skip: "skipped", flag: "flagged for a talk", unflag: "flag taken away",
};
