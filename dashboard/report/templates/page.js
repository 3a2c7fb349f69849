const theme = matchMedia("(prefers-color-scheme: dark)");

function draw(dark) {
  for (const place of document.querySelectorAll(".chart")) {
    const { data, layout } = JSON.parse(place.querySelector(dark ? ".dark" : ".light").textContent);
    Plotly.react(place.firstElementChild, data, layout, { displayModeBar: false, responsive: true });
  }
}

theme.addEventListener("change", () => draw(theme.matches));
addEventListener("beforeprint", () => draw(false)); // paper is white
addEventListener("afterprint", () => draw(theme.matches));
draw(theme.matches);
