import { NumberWidget } from "./number";
import type { Kind, WidgetProps } from ".";

const random = () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

export function SeedWidget(props: WidgetProps<Kind<"seed">>) {
  const roll = () => {
    props.onSettle();
    props.onChange(random());
    props.onSettle();
  };
  return (
    <span className="pair">
      <NumberWidget {...props} />
      <button type="button" className="icon nodrag" aria-label="A new seed" data-help="A new random seed" onClick={roll}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <rect x="2" y="2" width="12" height="12" rx="3" />
          <circle cx="5.5" cy="5.5" r="1" />
          <circle cx="10.5" cy="5.5" r="1" />
          <circle cx="8" cy="8" r="1" />
          <circle cx="5.5" cy="10.5" r="1" />
          <circle cx="10.5" cy="10.5" r="1" />
        </svg>
      </button>
    </span>
  );
}
