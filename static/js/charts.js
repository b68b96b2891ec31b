// Draws the figures of a page, and again when a part of it or the colors change.

let loading;
const loadPlotly = (address) =>
  (loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  }));

// Labels of the bars as far as there is room for them, the latest among them.
const ROOM_FOR_LABEL = 64;
const thinOut = ({ tickvals, ticktext, ...axis }, box) => {
  const step = Math.max(1, Math.ceil((tickvals.length * ROOM_FOR_LABEL) / box.clientWidth));
  const kept = (_, place) => (tickvals.length - 1 - place) % step === 0;
  return { ...axis, tickvals: tickvals.filter(kept), ticktext: ticktext.filter(kept) };
};

// Text and grid have the colors of the page.
const withColors = (layout, box) => {
  const style = getComputedStyle(box);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: color("--console-line"), zerolinecolor: color("--console-line") };
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: style.color, family: style.fontFamily, size: 12 },
    xaxis: { ...thinOut(layout.xaxis, box), ...axis },
    yaxis: { ...layout.yaxis, ...axis },
    hoverlabel: {
      bgcolor: color("--console-card"),
      bordercolor: color("--console-quiet"),
      font: { color: style.color, size: 13 },
      align: "left",
    },
  };
};

const draw = async (box) => {
  await loadPlotly(box.dataset.plotly);
  const { data, layout } = JSON.parse(box.dataset.figure);
  const options = { displayModeBar: false, responsive: true };
  await Plotly.react(box, data, withColors(layout, box), options);
};

const drawAll = () => document.querySelectorAll("[data-figure]").forEach(draw);
document.addEventListener("DOMContentLoaded", drawAll);
document.addEventListener("htmx:afterSwap", drawAll);
document.addEventListener("console:theme", drawAll);
