import { useEffect } from "react";

const HOLD_MS = 600;
const STILL = 10;

/** A finger that stays opens the menu of what is beneath it, also where the browser says nothing of it (on an iPad). */
export function useLongPress(): void {
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let began: PointerEvent | null = null;
    const end = () => clearTimeout(timer);
    const begin = (event: PointerEvent) => {
      end();
      if (event.pointerType !== "touch" || !event.isPrimary) return;
      began = event;
      const { target, clientX, clientY } = event;
      timer = setTimeout(() => target?.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX, clientY })), HOLD_MS);
    };
    const move = ({ clientX, clientY }: PointerEvent) => {
      if (began && Math.hypot(clientX - began.clientX, clientY - began.clientY) > STILL) end();
    };
    addEventListener("pointerdown", begin, { signal, capture: true, passive: true });
    addEventListener("pointermove", move, { signal, capture: true, passive: true });
    for (const name of ["pointerup", "pointercancel", "contextmenu"]) addEventListener(name, end, { signal, capture: true, passive: true });
    return () => {
      end();
      stop.abort();
    };
  }, []);
}
