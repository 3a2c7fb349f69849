// Outbox: decisions not yet confirmed by the server. There is one per browser tab, shared by all mounted panels. An
// entry stays in it, and in sessionStorage, until the server confirms that it is stored or refused.

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
  // `open` is still set if a tab was duplicated or crashed. Sequence numbers could then repeat, so this tab gets a
  // new client id and resends only the entries that were not confirmed.
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

// Processes the server's confirmations; returns new refusals. Refusals come first, because `acked` may include a
// refused entry if a later entry is stored already.
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

// Asks the server whether sent entries are on disk. The page also reports this, but only after its script has ended.
// The request is a long poll, because a timer in the browser would wait for the page to be redrawn. The next message
// still waits for the page.
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
    return new Set(told.headers.get("X-Stored")?.split(" ").map(Number)); // a response body would be read only after a redraw
  } catch {
    return new Set(); // no response: the page or the next message will report it
  }
}

// Sends one message at a time, so that fast key presses do not interrupt the script that stores them. Unconfirmed
// entries are resent with increasing delay. `tries` makes each message different, as Streamlit requires.
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
    // Storage is full or forbidden: decisions are still sent, but not resent after a reload.
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
  // crypto.randomUUID exists only on https and localhost.
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
