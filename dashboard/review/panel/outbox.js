// Decisions on their way to the server. One outbox per browser tab, shared by every mounted reviewer: an entry
// stays in it, and in sessionStorage, until the server says that it is stored or refused.

const OUTBOX_PLACE = "taxoscope.outbox";
const RESEND_MS = 2000;
const RESEND_MOST_MS = 15000;
const LATE_MS = 6000;
const LOOK_MS = 40;
const LOOK_MOST_MS = 2000;
const RECENT_MOST = 6;

function outbox() {
  return (globalThis[Symbol.for(OUTBOX_PLACE)] ??= createOutbox());
}

function createOutbox() {
  const before = readStored();
  // A tab that was duplicated or that crashed leaves `open` standing: numbers would be given twice, so it starts
  // a client of its own and only sends again what the other had not seen stored.
  const resumed = before && !before.open;
  const box = {
    client_id: resumed ? before.client_id : newClientId(),
    next_seq: resumed ? before.next_seq : 1,
    log: before?.log ?? [],
    history: resumed ? before.history : [],
    recent: before?.recent ?? [],
    places: before?.places ?? {},
    refusals: new Set(),
    views: [],
    sent: new Set(),
    sent_at: 0,
    wait_ms: RESEND_MS,
  };
  box.push = (proposal, words, view) => {
    const entry = { client_id: box.client_id, seq: box.next_seq++, ...proposal };
    box.log.push({ ...entry, tries: 0, made_at: Date.now() });
    box.recent.unshift({ client_id: entry.client_id, seq: entry.seq, image_id: entry.image_id, words, state: "saving" });
    box.recent.length = Math.min(box.recent.length, RECENT_MOST);
    box.attach(view);
    keep(box);
    pump(box);
    return entry;
  };
  box.attach = (view) => {
    box.views = [...box.views.filter((other) => other !== view), view];
  };
  box.detach = (view) => {
    box.views = box.views.filter((other) => other !== view);
  };
  box.isSaving = (client_id, seq) => box.log.some((entry) => entry.client_id === client_id && entry.seq === seq);
  box.isLate = () => box.log.length > 0 && Date.now() - box.log[0].made_at > LATE_MS;
  box.receive = (acked, rejected) => receive(box, acked, rejected);
  box.keep = () => keep(box);
  box.pump = () => pump(box);
  setInterval(() => {
    pump(box);
    if (box.log.length) box.views.forEach((view) => view.changed());
  }, 500);
  addEventListener("online", () => {
    box.sent_at = 0;
    pump(box);
  });
  addEventListener("beforeunload", (event) => {
    if (box.log.length) event.preventDefault();
  });
  addEventListener("pagehide", () => keep(box, false));
  addEventListener("pageshow", () => keep(box));
  keep(box);
  return box;
}

// Takes what the server says; returns the refusals not seen before. Refusals go first: a later entry may be stored
// already, and then `acked` covers the refused one too.
function receive(box, acked = {}, rejected = []) {
  const fresh = [];
  for (const refusal of rejected) {
    const name = `${refusal.client_id} ${refusal.seq}`;
    const ours = box.log.some((entry) => isEntry(entry, refusal)) || refusal.client_id === box.client_id;
    if (!ours || box.refusals.has(name)) continue;
    box.refusals.add(name);
    fresh.push({ ...refusal, entry: box.log.find((entry) => isEntry(entry, refusal)) });
    box.log = box.log.filter((entry) => !isEntry(entry, refusal));
    box.history = box.history.filter((entry) => !isEntry(entry, refusal));
    box.recent.forEach((line) => isEntry(line, refusal) && (line.state = "refused"));
  }
  takeStored(box, (entry) => (acked[entry.client_id] ?? -1) >= entry.seq);
  if (![...box.sent].some((name) => box.log.some((entry) => entryName(entry) === name))) {
    box.sent.clear();
    box.wait_ms = RESEND_MS;
  }
  keep(box);
  pump(box);
  return fresh;
}

function takeStored(box, isStored) {
  box.log = box.log.filter((entry) => !isStored(entry));
  for (const line of box.recent) if (line.state === "saving" && !box.isSaving(line.client_id, line.seq)) line.state = "saved";
}

// Asks the store itself whether what was sent is on the disk: the page says so too, but only when it has run to its
// end. The server holds its answer back until something is; a timer here would wait for the page's redrawing. The next
// message still waits for the page.
async function look(box) {
  if (box.looking) return;
  box.looking = true;
  let wait_ms = LOOK_MS;
  try {
    for (let first; (first = box.log.find((entry) => entry.client_id === box.client_id)?.seq) !== undefined; ) {
      const stored = await storedSince(box.client_id, first);
      if (stored.size) {
        takeStored(box, (entry) => entry.client_id === box.client_id && stored.has(entry.seq));
        keep(box);
        box.views.forEach((view) => view.changed());
      } else {
        await new Promise((done) => setTimeout(done, wait_ms));
        wait_ms = Math.min(wait_ms * 1.5, LOOK_MOST_MS);
      }
    }
  } finally {
    box.looking = false;
  }
}

async function storedSince(client_id, first) {
  try {
    const told = await fetch(`/stored/${client_id}?since=${first}`);
    return new Set(told.headers.get("X-Stored")?.split(" ").map(Number)); // a body would come a redrawing later
  } catch {
    return new Set(); // the server does not answer; the page's own word, or the next message, will tell
  }
}

// One message at a time, so that a burst of keys cannot keep interrupting the script that stores them; what was not
// answered is sent again, a little later each time. `tries` makes the message new to Streamlit.
function pump(box) {
  const view = box.views.at(-1);
  if (!box.log.length || !view) return;
  const waiting = box.sent.size > 0;
  if (waiting && Date.now() - box.sent_at < box.wait_ms) return;
  if (waiting) box.wait_ms = Math.min(box.wait_ms * 1.5, RESEND_MOST_MS);
  box.log.forEach((entry) => (entry.tries += 1));
  box.sent = new Set(box.log.map(entryName));
  box.sent_at = Date.now();
  view.send(box.log.map(({ made_at, ...entry }) => entry));
  look(box);
}

function keep(box, open = true) {
  const { client_id, next_seq, log, history, recent, places } = box;
  try {
    sessionStorage.setItem(OUTBOX_PLACE, JSON.stringify({ client_id, next_seq, log, history, recent, places, open }));
  } catch {
    // Storage is full or forbidden: decisions still go out, only a reload would not resend them.
  }
}

function readStored() {
  try {
    return JSON.parse(sessionStorage.getItem(OUTBOX_PLACE));
  } catch {
    return null;
  }
}

function entryName(entry) {
  return `${entry.client_id} ${entry.seq}`;
}

function isEntry(one, other) {
  return one.client_id === other.client_id && one.seq === other.seq;
}

function newClientId() {
  // crypto.randomUUID exists on https and localhost alone.
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
