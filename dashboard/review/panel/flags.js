// Extras of a decision: flag for discussion, and reason for a change.

function isFlagged(s, id) {
  return s.flags.has(id) ? s.flags.get(id) : Boolean(s.known.get(id)?.flagged);
}

// A flag is stored at once; the image stays in the queue, and the reviewer stays on it.
function flag(s) {
  const id = s.current;
  if (!id) return;
  if (!s.name) return askName(s);
  const was = isFlagged(s, id);
  const answer = was ? "unflag" : "flag";
  const entry = s.box.push({ ...proposal(s, id, answer), after: null, note: "" }, ANSWER_WORDS[answer], s);
  s.box.history.push({ ...entry, before: labelOf(s, id), was });
  s.flags.set(id, !was);
  s.box.keep();
}

// Each press selects the next reason of the list; after the last, no reason.
function nextReason(s) {
  const reasons = s.data.reasons ?? [];
  if (!s.current || !reasons.length) return;
  const at = reasons.indexOf(s.reasons.get(s.current) ?? "");
  setReason(s, reasons[at + 1] ?? "");
}

function setReason(s, reason) {
  if (reason) s.reasons.set(s.current, reason);
  else s.reasons.delete(s.current);
}

function reasonPick(s) {
  const pick = el("select", { "aria-label": "Reason", "data-act": "reason-pick", onchange: () => (setReason(s, pick.value), pick.blur(), draw(s)) });
  return pick;
}

function drawReason(s, pick) {
  const reasons = s.data.reasons ?? [];
  if (pick.options.length !== reasons.length + 1)
    pick.replaceChildren(el("option", { value: "", text: "No reason given" }), ...reasons.map((reason) => el("option", { value: reason, text: reason })));
  pick.value = s.reasons.get(s.current) ?? "";
}
