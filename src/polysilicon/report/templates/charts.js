// Draws every chart that the page embeds as JSON. Names come from the user: they reach ECharts as data, never as HTML.
(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 40rem)");
  const drawn = [];

  const ink = () => {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    return {
      text: read("--text"), soft: read("--soft"), rule: read("--rule"), card: read("--card"), accent: read("--accent"),
      series: ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"].map(read),
    };
  };

  const figure = (value) =>
    value === null || value === undefined ? "–" : Number(value).toLocaleString("en", { maximumSignificantDigits: 4 });

  // Room for a legend that wraps, from a rough width of its words.
  const below = (chart, place) => {
    const words = (chart.series.length ? chart.series : [{ name: "front" }, { name: "this plan" }]).map((one) => one.name);
    const width = words.reduce((sum, name) => sum + 34 + 6.6 * name.length, 0);
    return 26 + 18 * Math.max(1, Math.ceil(width / Math.max(place.clientWidth - 40, 120)));
  };

  const axes = (colours) => ({
    axisLine: { lineStyle: { color: colours.rule } },
    axisTick: { show: false },
    axisLabel: { color: colours.soft, hideOverlap: true },
    splitLine: { lineStyle: { color: colours.rule } },
    nameTextStyle: { color: colours.soft },
  });

  const frame = (colours) => ({
    animation: false,
    color: colours.series,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    aria: { enabled: false },
    grid: { left: 8, right: 16, top: 44, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "all" },
    tooltip: {
      renderMode: "richText", confine: true, backgroundColor: colours.card, borderColor: colours.rule,
      textStyle: { color: colours.text, fontSize: 12 }, valueFormatter: figure,
    },
    legend: {
      top: 0, left: 0, itemWidth: 12, itemHeight: 12, icon: "roundRect", textStyle: { color: colours.soft },
      type: "plain",
    },
  });

  const stacked = (chart, colours) => ({
    ...frame(colours),
    tooltip: { ...frame(colours).tooltip, trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { opacity: 0.08 } } },
    xAxis: { type: "category", data: chart.categories, ...axes(colours) },
    yAxis: { type: "value", ...axes(colours), axisLabel: { color: colours.soft, formatter: figure } },
    series: chart.series.map((one) => one.shape === "line"
      ? { name: one.name, type: "line", data: one.values, symbol: "diamond", symbolSize: 9, z: 3,
          lineStyle: { width: 0 }, itemStyle: { color: colours.text, borderColor: colours.card, borderWidth: 1 } }
      : { name: one.name, type: "bar", stack: "all", data: one.values, barMaxWidth: 48, barCategoryGap: "25%",
          itemStyle: { borderColor: colours.card, borderWidth: 0.5 } }),
  });

  const grouped = (chart, colours) => ({
    ...frame(colours),
    tooltip: { ...frame(colours).tooltip, trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { opacity: 0.08 } } },
    xAxis: { type: "value", min: 0, max: 100, ...axes(colours), axisLabel: { color: colours.soft, formatter: "{value} %" } },
    yAxis: { type: "category", inverse: true, data: chart.categories, ...axes(colours),
      axisLabel: { color: colours.text, width: narrow.matches ? 90 : 220, overflow: "break" } },
    series: chart.series.map((one, at) => ({
      name: one.name, type: "bar", data: one.values, barMaxWidth: 14, barGap: "15%",
      itemStyle: { color: at === 0 ? colours.series[1] : colours.series[0], borderRadius: [0, 2, 2, 0] },
      label: { show: true, position: "insideRight", color: "#fff", fontSize: 10,
        formatter: (point) => `${Math.round(point.value)} %` },
    })),
  });

  const front = (chart, colours) => {
    const spot = (one) => ({ value: [one.x, one.y], name: one.method });
    return {
      ...frame(colours),
      tooltip: { ...frame(colours).tooltip, trigger: "item",
        formatter: (point) => `${figure(point.value[1])} ${chart.unit}, ${figure(point.value[0])} ${chart.across}` },
      grid: { ...frame(colours).grid, right: 32, bottom: 28 },
      xAxis: { type: "value", scale: true, name: chart.across, nameLocation: "middle", nameGap: 28, ...axes(colours),
        axisLabel: { color: colours.soft, formatter: figure } },
      yAxis: { type: "value", scale: true, name: chart.unit, ...axes(colours),
        axisLabel: { color: colours.soft, formatter: figure } },
      series: [
        { name: "front", type: "line", data: chart.points.filter((one) => !one.chosen).map(spot), symbolSize: 8,
          lineStyle: { width: 1.5 }, itemStyle: { color: colours.series[0] } },
        { name: "this plan", type: "scatter", data: chart.points.filter((one) => one.chosen).map(spot), symbolSize: 16,
          symbol: "diamond", itemStyle: { color: colours.series[1] }, z: 3 },
      ],
    };
  };

  const kinds = { stacked, grouped, front };
  const draw = () => {
    drawn.splice(0).forEach((one) => one.dispose());
    const colours = ink();
    for (const chart of Object.values(charts)) {
      const place = document.getElementById(`chart-${chart.id}`);
      if (!place) continue;
      const one = echarts.init(place, null, { renderer: "svg" });
      const option = kinds[chart.kind](chart, colours);
      one.setOption({ ...option, grid: { ...option.grid, top: below(chart, place) } });
      drawn.push(one);
    }
  };
  draw();
  dark.addEventListener("change", draw);
  const fit = () => drawn.forEach((one) => one.resize());
  window.addEventListener("resize", fit);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    // Paper has another width than the screen: scale what was drawn.
    document.querySelectorAll(".chart svg").forEach((one) =>
      one.setAttribute("viewBox", `0 0 ${one.getAttribute("width")} ${one.getAttribute("height")}`));
  });
})();
