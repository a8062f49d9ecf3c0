import { useCallback, useRef, useState } from "react";

import { PickList, nameOf } from "./pick";
import type { Kind, WidgetProps } from ".";

/** So many options are chosen from at a glance; more are searched. */
const FEW = 8;

export function ChoiceWidget(props: WidgetProps<Kind<"choice">>) {
  return props.widget.options.length > FEW ? <Searched {...props} /> : <Native {...props} />;
}

/** Choosing is one step of undo. */
function useChoice({ widget, value, onChange, onSettle }: WidgetProps<Kind<"choice">>) {
  const choose = (index: number) => {
    onSettle();
    onChange(widget.options[index] ?? value);
    onSettle();
  };
  return { at: widget.options.findIndex((option) => option === value), choose };
}

function Native(props: WidgetProps<Kind<"choice">>) {
  const { id, label, widget, value, invalid } = props;
  const { at, choose } = useChoice(props);
  return (
    <select
      id={id} className="field nodrag" aria-label={label} aria-invalid={invalid || at < 0} value={at}
      onChange={(event) => choose(Number(event.target.value))}
    >
      {at < 0 && <option value={-1}>{nameOf(value)}</option>}
      {widget.options.map((option, index) => (
        <option key={nameOf(option)} value={index}>
          {nameOf(option)}
        </option>
      ))}
    </select>
  );
}

function Searched(props: WidgetProps<Kind<"choice">>) {
  const { id, label, widget, value, invalid } = props;
  const { at, choose } = useChoice(props);
  const wrong = invalid || at < 0;
  const button = useRef<HTMLButtonElement>(null);
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const close = useCallback(() => {
    setAnchor(null);
    button.current?.focus({ preventScroll: true });
  }, []);
  return (
    <>
      <button
        ref={button} id={id} type="button" className="field chooser nodrag" aria-haspopup="dialog" aria-expanded={anchor !== null}
        aria-label={`${label}, ${nameOf(value)}${wrong ? ", not valid" : ""}`} data-invalid={wrong || undefined}
        onClick={(event) => setAnchor(event.currentTarget)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
          event.preventDefault();
          event.stopPropagation();
          setAnchor(event.currentTarget);
        }}
      >
        {nameOf(value) || "Choose"}
      </button>
      {anchor && (
        <PickList
          anchor={anchor} label={label.split(": ", 1)[0] ?? label} options={widget.options} at={at} onClose={close}
          onChoose={(index) => {
            choose(index);
            close();
          }}
        />
      )}
    </>
  );
}
