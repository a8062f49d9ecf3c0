import { useState, type KeyboardEvent } from "react";

import { isLarge, integer, writeJson, type Json } from "../json";
import type { Kind, WidgetProps } from ".";

export const digits = (value: Json): string =>
  isLarge(value) ? value.$int : typeof value === "string" ? value : JSON.stringify(value);

/** What was typed as a literal: text that is no number stays, and the server says what is wrong with it. */
export function literal(text: string): Json {
  const trimmed = text.trim();
  if (/^[+-]?\d+$/.test(trimmed)) return integer(trimmed.replace("+", ""));
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : text;
}

type Props = WidgetProps<Kind<"range"> | Kind<"seed">>;

export function NumberWidget({ id, label, widget, value, invalid, onChange, onSettle }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const range = widget.kind === "range" ? widget : { min: 0, max: null, step: 1, whole: true };
  const step = range.step ?? (range.whole ? 1 : 0.1);

  // What is being typed, as long as it stands for the value: undo may have changed that.
  const shown = draft !== null && writeJson(literal(draft)) === writeJson(value) ? draft : digits(value);

  const nudge = (event: KeyboardEvent) => {
    const direction = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
    if (direction === 0 || typeof value !== "number") return;
    event.preventDefault();
    const moved = value + direction * step * (event.shiftKey ? 10 : 1);
    const within = Math.min(range.max ?? Infinity, Math.max(range.min ?? -Infinity, moved));
    setDraft(null);
    onChange(Number(within.toFixed(6)));
  };
  return (
    <input
      id={id}
      className="field number nodrag"
      role="spinbutton"
      inputMode="decimal"
      aria-label={label}
      aria-invalid={invalid}
      aria-valuenow={typeof value === "number" ? value : undefined}
      aria-valuemin={range.min ?? undefined}
      aria-valuemax={range.max ?? undefined}
      autoComplete="off"
      spellCheck={false}
      value={shown}
      onChange={(event) => {
        setDraft(event.target.value);
        onChange(literal(event.target.value));
      }}
      onKeyDown={nudge}
      onBlur={() => {
        setDraft(null);
        onSettle();
      }}
    />
  );
}
