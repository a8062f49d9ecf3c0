import { setSeedMode } from "../actions/edit";
import { Icon, type IconName } from "../components/Icon";
import { own, sourceOf, viewOf, type SeedMode } from "../document/document";
import { randomSeed } from "../document/seeds";
import { useSheet } from "../store";
import { NumberWidget } from "./number";
import type { Kind, WidgetProps } from ".";

type Mode = SeedMode | "fixed";

const MODES: Readonly<Record<Mode, { readonly icon: IconName; readonly title: string; readonly help: string; readonly next: Mode }>> = {
  fixed: { icon: "lock", title: "fixed", help: "The seed stays as it is.", next: "random" },
  random: { icon: "shuffle", title: "random", help: "Each run begins with a new random seed.", next: "step" },
  step: { icon: "next", title: "one more", help: "Each run begins with the next seed.", next: "fixed" },
};

/** What happens to a seed before each run; a click goes to the next way. */
function ModeButton({ id }: { readonly id: string }) {
  const at = sourceOf(id);
  const mode: Mode = useSheet(({ history: { present } }) => own(viewOf(present, at.node)?.seeds, at.socket)) ?? "fixed";
  const { icon, title, help, next } = MODES[mode];
  return (
    <button
      type="button" className="icon small nodrag" data-mode={mode} aria-label={`Before each run: ${title}. Change to ${MODES[next].title}`}
      data-help={`Before each run: ${title}\n${help}`} onClick={() => setSeedMode(at, next === "fixed" ? undefined : next)}
    >
      <Icon name={icon} />
    </button>
  );
}

export function SeedWidget(props: WidgetProps<Kind<"seed">>) {
  const roll = () => {
    props.onSettle();
    props.onChange(randomSeed());
    props.onSettle();
  };
  return (
    <span className="pair seed">
      <NumberWidget {...props} />
      <ModeButton id={props.id} />
      <button type="button" className="icon small nodrag" aria-label="A new seed" data-help="A new random seed now" onClick={roll}>
        <Icon name="dice" />
      </button>
    </span>
  );
}
