// One click, one step back. Streamlit's switch_page puts the new parameters behind the old page's path first and
// changes the path after that: two entries of the browser's history. The second takes the place of the first.
const AT_MOST_MS = 5000;

export default function () {
  if (history.pushState.isOneStep) return;
  const push = history.pushState.bind(history);
  let parameters = null;
  const oneStep = (state, title, url) => {
    const next = new URL(url, location.href);
    const changesPath = next.pathname !== location.pathname;
    const second = changesPath && parameters?.search === next.search && performance.now() - parameters.at < AT_MOST_MS;
    parameters = changesPath ? null : { search: next.search, at: performance.now() };
    return second ? history.replaceState(state, title, url) : push(state, title, url);
  };
  oneStep.isOneStep = true;
  history.pushState = oneStep;
}
