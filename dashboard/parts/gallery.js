export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  const text = (name, words) => {
    const element = document.createElement("span");
    element.className = name;
    element.textContent = words;
    element.title = words;
    return element;
  };
  root.replaceChildren(
    ...data.tiles.map((tile) => {
      const link = document.createElement("a");
      link.className = "tile";
      link.href = tile.href;
      link.setAttribute("role", "listitem");
      link.dataset.image = tile.image_id;
      const frame = document.createElement("div");
      frame.className = "frame";
      const image = document.createElement("img");
      image.loading = "lazy";
      image.alt = `${tile.left} ${tile.right}`;
      image.src = tile.src;
      frame.append(image);
      if (tile.badge) frame.append(text("badge", tile.badge));
      const line = document.createElement("div");
      line.className = "line";
      line.append(text("left", tile.left), text("right", tile.right));
      link.append(frame, line);
      if (tile.below) {
        const below = text("below", tile.below);
        below.style.display = "block";
        link.append(below);
      }
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // a new tab opens the link itself
        event.preventDefault();
        setTriggerValue("open", tile.image_id);
      });
      return link;
    }),
  );
}
