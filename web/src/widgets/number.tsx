import { useRef, useState, type KeyboardEvent, type PointerEvent } from "react";

import { writeJson } from "../document/json";
import { SEED_RANGE, digits, literal, nudged, partOf, pulled, settledAt, type Range } from "./numbers";
import type { Kind, WidgetProps } from ".";

/** So far a hand moves that only clicks. */
const STILL = 3;

/** A pointer that pulls a number: where it began, where it was last, and the number there, finer than its steps. */
interface Pull {
  readonly began: number;
  last: number;
  at: number;
  moved: boolean;
}

interface Pulled {
  readonly range: Range;
  readonly value: number | null;
  readonly onChange: (value: number) => void;
  readonly onSettle: () => void;
}

/** A number is dragged to the left and right; a click without movement goes into the field and selects what is there. */
function usePull({ range, value, onChange, onSettle }: Pulled) {
  const pull = useRef<Pull | null>(null);
  const [busy, setBusy] = useState(false);
  const end = (event: PointerEvent<HTMLInputElement>) => {
    const { moved } = pull.current ?? { moved: true };
    pull.current = null;
    setBusy(false);
    onSettle();
    if (moved || event.type !== "pointerup") return;
    event.currentTarget.focus({ preventScroll: true });
    event.currentTarget.select();
  };
  return {
    "data-busy": busy || undefined,
    onPointerDown: (event: PointerEvent<HTMLInputElement>) => {
      if (event.button !== 0 || document.activeElement === event.currentTarget) return;
      event.preventDefault();
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      event.currentTarget.setPointerCapture(event.pointerId);
      pull.current = { began: event.clientX, last: event.clientX, at: value ?? 0, moved: false };
    },
    onPointerMove: (event: PointerEvent<HTMLInputElement>) => {
      const now = pull.current;
      if (!now || value === null) return;
      if (!now.moved) {
        if (Math.abs(event.clientX - now.began) < STILL) return;
        now.moved = true;
        setBusy(true);
        onSettle();
      }
      now.at = pulled(range, now.at, event.clientX - now.last, event);
      now.last = event.clientX;
      onChange(settledAt(range, now.at, event));
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
}

type Props = WidgetProps<Kind<"range"> | Kind<"seed">>;

export function NumberWidget({ id, label, widget, value, invalid, onChange, onSettle }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const range = widget.kind === "range" ? widget : SEED_RANGE;
  const number = typeof value === "number" ? value : null;
  const part = partOf(range, value);
  const change = (next: number) => {
    setDraft(null);
    onChange(next);
  };
  const pull = usePull({ range, value: number, onChange: change, onSettle });

  // What is being typed, as long as it stands for the value: undo may have changed that.
  const shown = draft !== null && writeJson(literal(draft)) === writeJson(value) ? draft : digits(value);

  const nudge = (event: KeyboardEvent) => {
    const direction = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
    if (direction === 0 || number === null) return;
    event.preventDefault();
    change(nudged(range, number, direction * (event.shiftKey ? 10 : 1)));
  };
  return (
    <input
      id={id} className={`field number nodrag ${part === null ? "" : "ranged"}`}
      style={part === null ? undefined : { ["--part" as string]: part }} role="spinbutton" inputMode="decimal"
      aria-label={label} aria-invalid={invalid} aria-valuenow={number ?? undefined} aria-valuemin={range.min ?? undefined}
      aria-valuemax={range.max ?? undefined} autoComplete="off" spellCheck={false} value={shown} {...pull} onKeyDown={nudge}
      onChange={(event) => {
        setDraft(event.target.value);
        onChange(literal(event.target.value));
      }}
      onBlur={() => {
        setDraft(null);
        onSettle();
      }}
    />
  );
}
