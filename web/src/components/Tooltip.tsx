import { useEffect, useState } from "react";

const DELAY = 350;
const WIDTH = 300;
const GAP = 8;

interface Tip {
  readonly text: string;
  readonly left: number;
  readonly top: number | undefined;
  readonly bottom: number | undefined;
}

function tipOf(element: Element): Tip {
  const box = element.getBoundingClientRect();
  const below = box.bottom < innerHeight * 0.6;
  return {
    text: element.getAttribute("data-help") ?? "",
    left: Math.max(GAP, Math.min(box.left, innerWidth - WIDTH - GAP)),
    top: below ? box.bottom + GAP : undefined,
    bottom: below ? undefined : innerHeight - box.top + GAP,
  };
}

/** Says what is under the pointer, or has the focus: anything with `data-help`. */
export function Tooltip() {
  const [tip, setTip] = useState<Tip | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hide = () => {
      clearTimeout(timer);
      setTip(null);
    };
    const point = (event: Event) => {
      hide();
      const element = event.target instanceof Element ? event.target.closest("[data-help]") : null;
      if (element) timer = setTimeout(() => setTip(tipOf(element)), DELAY);
    };
    const gone = ["pointerdown", "keydown", "wheel", "focusout"] as const;
    document.addEventListener("pointerover", point);
    gone.forEach((name) => document.addEventListener(name, hide, { capture: true, passive: true }));
    return () => {
      hide();
      document.removeEventListener("pointerover", point);
      gone.forEach((name) => document.removeEventListener(name, hide, { capture: true }));
    };
  }, []);
  if (!tip) return null;
  const { text, ...place } = tip;
  return (
    <div className="tip panel" role="tooltip" style={{ ...place, maxWidth: WIDTH }}>
      {text}
    </div>
  );
}
