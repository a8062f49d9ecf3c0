import { Handle, Position } from "@xyflow/react";
import type { KeyboardEvent } from "react";

import { edit, present, settle, setValue } from "../../actions/edit";
import type { Problem } from "../../api";
import { accepts, colourOf, defaultOf, hasSocket, inRange, type Catalogue, type Input, type Output } from "../../catalogue/catalogue";
import { disconnect, leadsTo, own, type End, type NodeData, type Point } from "../../document/document";
import { toFlow } from "../../layout/camera";
import { GRID, type Row } from "../../layout/geometry";
import { set, sheet, useStore } from "../../store";
import { WidgetFor } from "../../widgets";
import { loose } from "./useWiring";

interface Props {
  readonly id: string;
  readonly node: NodeData;
  readonly row: Row;
  readonly catalogue: Catalogue;
  readonly problems: readonly Problem[];
}

interface SocketProps {
  readonly id: string;
  readonly socket: Input | Output;
  readonly side: "source" | "target";
  readonly catalogue: Catalogue;
  /** Where the wire into an input comes from. */
  readonly wired: string | undefined;
}

/** While a wire is drawn, only the sockets that it may end in stay bright. */
function useFits({ id, socket, side, catalogue }: SocketProps): "yes" | "no" | null {
  return useStore(({ wire }) => {
    if (!wire) return null;
    const { present } = sheet().history;
    if (wire.node === id && wire.socket === socket.name && wire.side === side) return "yes";
    if (wire.side === side || wire.node === id) return "no";
    const fits = side === "target" ? accepts(catalogue, socket.type, wire.type) : accepts(catalogue, wire.type, socket.type);
    if (!fits) return "no";
    const circle = side === "target" ? leadsTo(present, id, wire.node) : leadsTo(present, wire.node, id);
    return circle ? "no" : "yes";
  });
}

/** Wire a socket without a pointer: a list of where its wire may go. */
function wireByKey(event: KeyboardEvent, { id, socket, side }: SocketProps): void {
  const here: End = { node: id, socket: socket.name };
  if (event.key === "Delete" || event.key === "Backspace") {
    if (side === "target") edit(disconnect(present(), [here]));
  } else if (event.key === "Enter" || event.key === " ") {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = toFlow([box.right, box.top]);
    const at: Point = side === "source" ? [x + 4 * GRID, y] : [x - 6 * GRID, y];
    set({ palette: { screen: [box.right, box.bottom], at, wire: loose(here, side), present: true, into: null } });
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function Socket(props: SocketProps) {
  const { socket, side, catalogue, wired } = props;
  const fits = useFits(props);
  const target = side === "target";
  return (
    <Handle
      id={socket.name}
      type={side}
      position={target ? Position.Left : Position.Right}
      className={`socket type-${colourOf(catalogue, socket.type)} ${fits === null ? "" : `fits-${fits}`}`}
      role="button"
      tabIndex={0}
      aria-label={`${target ? "Input" : "Output"} ${socket.name}, ${socket.type}${wired === undefined ? "" : `, from ${wired}`}`}
      onKeyDown={(event) => wireByKey(event, props)}
      data-help={explain(socket, target)}
    />
  );
}

function explain(socket: Input | Output, target: boolean): string {
  const optional = target && "required" in socket && !socket.required ? ", optional" : "";
  return `${socket.name}: ${socket.type}${optional}${socket.help ? `\n${socket.help}` : ""}`;
}

export function RowView({ id, node, row, catalogue, problems }: Props) {
  const { input, output, kind, height } = row;
  const bad = input !== null && problems.some((problem) => problem.socket === input.name);
  return (
    <div className={`row ${kind} ${bad ? "bad" : ""}`} style={{ height }}>
      {input && hasSocket(catalogue, input) && <Socket id={id} socket={input} side="target" catalogue={catalogue} wired={own(node.links, input.name)} />}
      {input && (kind === "widget" ? <Field id={id} node={node} input={input} bad={bad} /> : <Label input={input} id={id} />)}
      {output && (
        <span className="label out" data-help={explain(output, false)}>
          {output.name}
        </span>
      )}
      {output && <Socket id={id} socket={output} side="source" catalogue={catalogue} wired={undefined} />}
    </div>
  );
}

function Label({ id, input }: { readonly id: string; readonly input: Input }) {
  return (
    <span className="label" id={fieldId(id, input.name)} tabIndex={-1} data-help={explain(input, true)}>
      {input.name}
    </span>
  );
}

export const fieldId = (node: string, input: string): string => `${node}.${input}`;

interface FieldProps {
  readonly id: string;
  readonly node: NodeData;
  readonly input: Input;
  readonly bad: boolean;
}

/** A click on such a label would open the list, though it is meant for the node. */
const isChosen = ({ widget }: Input): boolean => widget?.kind === "choice" || widget?.kind === "file";

function Field({ id, node, input, bad }: FieldProps) {
  const given = own(node.values, input.name);
  const value = given ?? defaultOf(input);
  const wrong = bad || (given !== undefined && given !== null && input.widget !== null && !inRange(input.widget, given));
  const at = { node: id, socket: input.name };
  return (
    <>
      <label className="label" htmlFor={fieldId(id, input.name)} data-help={explainField(input)} onClick={(event) => isChosen(input) && event.preventDefault()}>
        {input.name}
      </label>
      <WidgetFor
        id={fieldId(id, input.name)}
        input={input}
        value={value}
        invalid={wrong}
        onChange={(next) => setValue(at, next)}
        onSettle={settle}
      />
    </>
  );
}

function explainField(input: Input): string {
  const { widget } = input;
  const range = widget?.kind === "range" && widget.min !== null ? `, ${widget.min} to ${widget.max ?? "∞"}` : "";
  return `${input.name}: ${input.type}${range}${input.help ? `\n${input.help}` : ""}`;
}
