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

  const hover = (one) => [
    one.name, `predicted ${figure(one.y)}` + (one.low === null ? "" : ` (90 %: ${figure(one.low)} to ${figure(one.high)})`),
    `measured ${figure(one.x)}, ${one.error}`, one.note,
  ].join("\n");

  // Predicted against measured: a point a figure, its interval as an upright line, the diagonal as the truth. The axes
  // are logarithmic, unless the figures span so little that a decade would leave them without marks.
  const agreement = (chart, colours) => {
    const every = chart.points.flatMap((one) => [one.x, one.y]).sort((one, other) => one - other);
    const steps = Array.from({ length: 72 }, (_, at) => [1, 2, 5][at % 3] * 10 ** (Math.floor(at / 3) - 12));
    const ends = [steps.findLast((one) => one <= every[0]), steps.find((one) => one >= every[every.length - 1])];
    const type = ends[1] > 20 * ends[0] ? "log" : "value";
    if (type === "value") ends[0] = 0;
    const axis = { type, ...axes(colours), axisLabel: { color: colours.soft, formatter: figure, hideOverlap: true } };
    const within = { min: ends[0], max: ends[1] };
    const drawn = chart.series.flatMap(({ name }) => {
      const at = chart.categories.indexOf(name);
      const mine = chart.points.filter((one) => one.group === name);
      const colour = colours.series[at % colours.series.length];
      const bars = mine.filter((one) => one.low !== null)
        .flatMap((one) => [[one.x, Math.max(one.low, ends[0])], [one.x, Math.min(one.high, ends[1])], [null, null]]);
      return [
        { name, type: "line", data: bars, symbol: "none", silent: true, tooltip: { show: false },
          lineStyle: { color: colour, width: 1, opacity: 0.22 }, itemStyle: { color: colour } },
        { name, type: "scatter", data: mine.map((one) => ({ value: [one.x, one.y], one })), symbolSize: 5,
          itemStyle: { color: colour, opacity: 0.75 }, z: 3 },
      ];
    });
    return {
      ...frame(colours),
      tooltip: { ...frame(colours).tooltip, trigger: "item", formatter: (point) => hover(point.data.one) },
      grid: { ...frame(colours).grid, bottom: 28 },
      xAxis: { ...axis, ...within, name: chart.across, nameLocation: "middle", nameGap: 26 },
      yAxis: { ...axis, ...within, name: `predicted, ${chart.unit}` },
      series: [...drawn, { name: "", type: "line", silent: true, symbol: "none", data: ends.map((one) => [one, one]),
        lineStyle: { color: colours.text, width: 1, type: "dashed" }, z: 2 }],
    };
  };

  // A line for each category: a point a figure at its ratio, and a mark at the median.
  const spread = (chart, colours) => {
    const most = 4;
    const at = (one) => [Math.min(Math.max(one.x, 1 / most), most), one.category];
    const series = chart.series.map(({ name }, order) => ({
      name, type: "scatter", symbolSize: order === 2 ? 10 : 5, symbol: order === 2 ? "diamond" : "circle", z: 2 + order,
      data: chart.points.filter((one) => one.group === name).map((one) => ({ value: at(one), one })),
      itemStyle: { color: [colours.series[7], colours.series[1], colours.text][order], opacity: order === 2 ? 1 : 0.5 },
    }));
    series[0].markLine = { silent: true, symbol: "none", label: { show: false }, data: [{ xAxis: 1 }],
      lineStyle: { color: colours.text, type: "dashed", width: 1 } };
    return {
      ...frame(colours),
      tooltip: { ...frame(colours).tooltip, trigger: "item", formatter: (point) => point.data.one.note },
      grid: { ...frame(colours).grid, bottom: 28 },
      xAxis: { type: "log", logBase: 2, min: 1 / most, max: most, name: chart.across, nameLocation: "middle", nameGap: 26,
        ...axes(colours), axisLabel: { color: colours.soft, formatter: figure } },
      yAxis: { type: "category", inverse: true, data: chart.categories, ...axes(colours), axisTick: { show: false },
        axisLabel: { color: colours.text, interval: 0, width: narrow.matches ? 110 : 220, overflow: "truncate" } },
      series,
    };
  };

  // Rows of values as lines over the same places, on an even or a logarithmic scale.
  const lines = (scale) => (chart, colours) => ({
    ...frame(colours),
    tooltip: { ...frame(colours).tooltip, trigger: "axis" },
    grid: { ...frame(colours).grid, bottom: 28 },
    xAxis: { type: "category", data: chart.categories, boundaryGap: false, name: chart.across, nameLocation: "middle",
      nameGap: 26, ...axes(colours) },
    yAxis: { type: scale, ...axes(colours), axisLabel: { color: colours.soft, formatter: figure } },
    series: chart.series.map((one) => ({
      name: one.name, type: "line", data: one.values, symbol: "none", lineStyle: { width: 1.5 },
    })),
  });

  const kinds = { stacked, grouped, front, agreement, spread, lines: lines("value"), percentiles: lines("log") };
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
