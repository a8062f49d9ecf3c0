import { useEffect, useRef, useState, type KeyboardEvent } from "react";

const PAGE = 8;

interface Wanted {
  readonly count: number;
  /** What the list is of: another text starts at the top again. */
  readonly query: string;
  readonly start?: number;
  readonly onEnter: (at: number) => void;
  readonly onEscape: () => void;
  /** Called when the arrows have gone to an item. */
  readonly onMove?: (at: number) => void;
}

/** A list beneath a search field: the focus stays in the field, keys go through the list. */
export function useList({ count, query, start = 0, onEnter, onEscape, onMove }: Wanted) {
  const [place, setPlace] = useState({ query, at: start });
  const box = useRef<HTMLDivElement>(null);
  const at = Math.max(0, Math.min(count - 1, place.query === query ? place.at : 0));
  const setAt = (next: number) => setPlace({ query, at: next });

  useEffect(() => {
    const chosen = box.current?.querySelector('[role="option"][aria-selected="true"]');
    // The heading of the first of a group comes with it.
    if (chosen?.previousElementSibling?.getAttribute("role") === "presentation") chosen.previousElementSibling.scrollIntoView({ block: "nearest" });
    chosen?.scrollIntoView({ block: "nearest" });
  }, [at, query]);

  const to = (next: number) => {
    setAt(next);
    onMove?.(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const last = Math.max(0, count - 1);
    if (event.key === "ArrowDown") to(at >= last ? 0 : at + 1);
    else if (event.key === "ArrowUp") to(at <= 0 ? last : at - 1);
    else if (event.key === "PageDown") to(Math.min(last, at + PAGE));
    else if (event.key === "PageUp") to(Math.max(0, at - PAGE));
    else if (event.key === "Enter") onEnter(at);
    else if (event.key === "Escape") onEscape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return { at, setAt, box, onKeyDown };
}
