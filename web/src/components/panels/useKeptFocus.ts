import { useEffect, useRef, type MouseEvent, type RefObject } from "react";

interface Kept {
  readonly job: string | undefined;
  readonly act: string | undefined;
  readonly at: number;
}

const rowsOf = (box: HTMLElement | null): readonly HTMLElement[] => [...(box?.querySelectorAll<HTMLElement>("[data-job]") ?? [])];

/** A row that moves or goes takes the focus with it: give it back to the row, or to the one in its place. */
export function useKeptFocus(box: RefObject<HTMLElement | null>, rows: unknown): (event: MouseEvent) => void {
  const kept = useRef<Kept | null>(null);
  useEffect(() => {
    const focused = document.activeElement;
    const isLost = focused === document.body || (focused instanceof HTMLButtonElement && focused.disabled);
    if (!kept.current || !isLost) return;
    const { job, act, at } = kept.current;
    const all = rowsOf(box.current);
    const row = all.find((each) => each.dataset.job === job) ?? all[Math.min(at, all.length - 1)];
    const same = row?.querySelector<HTMLElement>(`[data-act="${act}"]:enabled`);
    (same ?? row?.querySelector<HTMLElement>("button:enabled"))?.focus({ preventScroll: true });
    kept.current = null;
  }, [box, rows]);
  return ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLElement>("[data-act]") : null;
    const row = button?.closest<HTMLElement>("[data-job]");
    kept.current = button && row ? { job: row.dataset.job, act: button.dataset.act, at: rowsOf(box.current).indexOf(row) } : null;
  };
}
