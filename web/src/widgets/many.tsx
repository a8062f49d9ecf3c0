import { blankOf, inRange } from "../catalogue/catalogue";
import { Icon, type IconName } from "../components/Icon";
import type { Json } from "../document/json";
import { JsonWidget } from "./json";
import { ItemWidget, type Kind, type WidgetProps } from ".";

/** A list: each item with its own widget, to be added to, put in order, and taken from. Lists of lists are written as JSON. */
export function ManyWidget(props: WidgetProps<Kind<"many">>) {
  const { value, widget } = props;
  return Array.isArray(value) && widget.item.kind !== "many" ? <Items {...props} items={value as readonly Json[]} /> : <JsonWidget {...props} />;
}

/** Put the focus on something, and scroll the list to it, but not the canvas. */
function show(target: HTMLElement | null): void {
  target?.focus({ preventScroll: true });
  const [list, item] = [target?.closest("ol"), target?.closest("li")];
  if (!list || !item) return;
  const top = item.offsetTop - list.offsetTop;
  list.scrollTop = Math.max(top + item.offsetHeight - list.clientHeight, Math.min(list.scrollTop, top));
}

interface ItemsProps extends WidgetProps<Kind<"many">> {
  readonly items: readonly Json[];
}

function Items({ id, label, widget, items, invalid, onChange, onSettle }: ItemsProps) {
  const step = (next: readonly Json[], focus: string) => {
    onSettle();
    onChange(next);
    onSettle();
    requestAnimationFrame(() => show(document.getElementById(focus) ?? document.getElementById(`${id}+`)));
  };
  const move = (from: number, to: number) => {
    const moved = items[from];
    if (moved === undefined || to < 0 || to >= items.length) return;
    step(items.toSpliced(from, 1).toSpliced(to, 0, moved), `${id}.${to}.${to < from ? "up" : "down"}`);
  };
  const remove = (index: number) => step(items.toSpliced(index, 1), `${id}.${Math.min(index, items.length - 2)}.less`);
  return (
    <div className="many" id={id} tabIndex={-1} role="group" aria-label={label}>
      <button
        type="button" className="button small nodrag" id={`${id}+`} data-invalid={invalid || undefined}
        onClick={() => step([...items, blankOf(widget.item)], `${id}.${items.length}`)}
      >
        <Icon name="plus" /> Add
      </button>
      <ol className={items.length > 6 ? "nowheel" : undefined}>
        {items.map((item, index) => (
          // Items have no names: their places are what they are known by.
          <li key={index}>
            <ItemWidget
              id={`${id}.${index}`} label={`Item ${index + 1}`} widget={widget.item} value={item} invalid={!inRange(widget.item, item)}
              onChange={(next) => onChange(items.with(index, next))} onSettle={onSettle}
            />
            <Small id={`${id}.${index}.up`} icon="up" name={`Move item ${index + 1} up`} off={index === 0} onClick={() => move(index, index - 1)} />
            <Small
              id={`${id}.${index}.down`} icon="down" name={`Move item ${index + 1} down`} off={index === items.length - 1}
              onClick={() => move(index, index + 1)}
            />
            <Small id={`${id}.${index}.less`} icon="close" name={`Remove item ${index + 1}`} off={false} onClick={() => remove(index)} />
          </li>
        ))}
      </ol>
    </div>
  );
}

interface SmallProps {
  readonly id: string;
  readonly icon: IconName;
  readonly name: string;
  readonly off: boolean;
  readonly onClick: () => void;
}

/** A button that stays where it is when it can do nothing, so that the focus does. */
function Small({ id, icon, name, off, onClick }: SmallProps) {
  return (
    <button type="button" className="icon small nodrag" id={id} aria-label={name} aria-disabled={off} onClick={off ? undefined : onClick}>
      <Icon name={icon} />
    </button>
  );
}
