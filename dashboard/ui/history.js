// Makes a page change one step in the browser's history. Streamlit's switch_page first adds the new parameters to the
// old path, then changes the path, which makes two history entries. The second replaces the first here.
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
