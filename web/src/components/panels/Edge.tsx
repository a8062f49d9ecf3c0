import { useState, type KeyboardEvent, type PointerEvent } from "react";

const NARROWEST = 320;
const STEP = 16;

const widest = (): number => Math.max(NARROWEST, innerWidth - 320);
const bounded = (width: number): number => Math.round(Math.max(NARROWEST, Math.min(widest(), width)));

/** How wide a panel is, kept in this browser. */
export function useWidth(panel: string, usual: number): readonly [number, (wanted: number) => void] {
  const key = `nodegraph.${panel}.width`;
  const [width, setWidth] = useState(() => bounded(Number(localStorage.getItem(key)) || usual));
  const resize = (wanted: number) => {
    localStorage.setItem(key, String(bounded(wanted)));
    setWidth(bounded(wanted));
  };
  return [width, resize];
}

/** The left side of a panel, by which it is made wider. */
export function Edge({ width, onResize }: { readonly width: number; readonly onResize: (width: number) => void }) {
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowLeft" ? STEP : event.key === "ArrowRight" ? -STEP : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    onResize(width + by);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) onResize(innerWidth - event.clientX);
  };
  return (
    <div
      className="edge" role="separator" tabIndex={0} aria-orientation="vertical" aria-label="Width of the panel"
      aria-valuenow={width} aria-valuemin={NARROWEST} aria-valuemax={widest()} onKeyDown={onKeyDown} onPointerMove={onPointerMove}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
    />
  );
}
