// What the benchmark of the canvas runs in the page, before the page's own scripts. Times are in milliseconds.
window.bench = (() => {
  const late = [];
  const keys = [];
  let change = 0;
  let painted = null;
  let frames = null;
  const view = () => document.querySelector(".react-flow__viewport");
  const twoFrames = (then) => requestAnimationFrame(() => requestAnimationFrame(then));

  new PerformanceObserver((list) => late.push(...list.getEntries())).observe({ type: "longtask", buffered: true });
  new MutationObserver((changes) => {
    if (!changes.some(({ target }) => target instanceof Element && target.closest(".react-flow"))) return;
    const mine = ++change;
    painted = null;
    twoFrames(() => mine === change && (painted = performance.now()));
  }).observe(document, { subtree: true, childList: true, attributes: true });
  addEventListener("keydown", ({ timeStamp }) => twoFrames(() => keys.push(performance.now() - timeStamp)), true);

  const tick = (now) => {
    if (frames === null) return;
    frames.push([now, view().style.transform]);
    requestAnimationFrame(tick);
  };
  const mark = (name) => performance.getEntriesByName(name).at(-1)?.startTime ?? null;

  return {
    keys,
    /** When the workflow was painted, which has not changed for `still`, and the two marks of the canvas; or null. */
    opened: (name, still, most) => new Promise((done) => {
      const look = () => {
        const there = document.querySelector(`.react-flow__node[data-id*="_${name}_"]`) !== null;
        if (there && painted !== null && performance.now() - painted >= still)
          return done({ painted, open: mark("nodegraph:open"), shown: mark("nodegraph:shown") });
        if (performance.now() > most) return done(null);
        setTimeout(look, 50);
      };
      look();
    }),
    start: () => {
      frames = [];
      late.length = 0;
      requestAnimationFrame(tick);
    },
    /** How long each picture of the moving view stayed, how many frames there were, and the tasks above 50 ms. */
    stop: () => {
      const moved = frames.filter(([, place], index) => index > 0 && place !== frames[index - 1][1]);
      const stayed = moved.slice(1).map(([now], index) => now - moved[index][0]);
      const found = { stayed, frames: frames.length - 1, late: late.length };
      frames = null;
      return found;
    },
    scale: () => new DOMMatrix(getComputedStyle(view()).transform).a,
    /** Where the pane lies bare, near to a place. */
    bare: (x, y) => {
      for (let far = 0; far < 300; far += 4)
        for (let turn = 0; turn < 16; turn++) {
          const at = [x + far * Math.cos((turn * Math.PI) / 8), y + far * Math.sin((turn * Math.PI) / 8)];
          if (document.elementFromPoint(...at)?.classList.contains("react-flow__pane")) return at;
        }
      return null;
    },
    /** The middle of a prompt that can be clicked. */
    prompt: () => {
      for (const field of document.querySelectorAll(".react-flow__node textarea")) {
        const box = field.getBoundingClientRect();
        const at = [box.x + box.width / 2, box.y + box.height / 2];
        if (document.elementFromPoint(...at) === field) return at;
      }
      return null;
    },
  };
})();
