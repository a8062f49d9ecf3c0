import { Handle, Position } from "@xyflow/react";

import { settle, setValue } from "../actions";
import type { Problem } from "../api";
import { accepts, colourOf, defaultOf, hasSocket, inRange, type Catalogue, type Input, type Output } from "../catalogue";
import { leadsTo, own, type NodeData } from "../document";
import type { Row } from "../geometry";
import { useStore } from "../store";
import { WidgetFor } from "../widgets";

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
}

/** While a wire is drawn, only the sockets that it may end in stay bright. */
function useFits({ id, socket, side, catalogue }: SocketProps): "yes" | "no" | null {
  return useStore(({ wire, history }) => {
    if (!wire) return null;
    if (wire.node === id && wire.socket === socket.name && wire.side === side) return "yes";
    if (wire.side === side || wire.node === id) return "no";
    const fits = side === "target" ? accepts(catalogue, socket.type, wire.type) : accepts(catalogue, wire.type, socket.type);
    if (!fits) return "no";
    const circle = side === "target" ? leadsTo(history.present, id, wire.node) : leadsTo(history.present, wire.node, id);
    return circle ? "no" : "yes";
  });
}

function Socket(props: SocketProps) {
  const { socket, side, catalogue } = props;
  const fits = useFits(props);
  const target = side === "target";
  return (
    <Handle
      id={socket.name}
      type={side}
      position={target ? Position.Left : Position.Right}
      className={`socket type-${colourOf(catalogue, socket.type)} ${fits === null ? "" : `fits-${fits}`}`}
      aria-label={`${target ? "Input" : "Output"} ${socket.name}, ${socket.type}`}
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
      {input && hasSocket(catalogue, input) && <Socket id={id} socket={input} side="target" catalogue={catalogue} />}
      {input && (kind === "widget" ? <Field id={id} node={node} input={input} bad={bad} /> : <Label input={input} id={id} />)}
      {output && (
        <span className="label out" data-help={explain(output, false)}>
          {output.name}
        </span>
      )}
      {output && <Socket id={id} socket={output} side="source" catalogue={catalogue} />}
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

function Field({ id, node, input, bad }: FieldProps) {
  const given = own(node.values, input.name);
  const value = given ?? defaultOf(input);
  const wrong = bad || (given !== undefined && given !== null && input.widget !== null && !inRange(input.widget, given));
  const at = { node: id, socket: input.name };
  return (
    <>
      <label className="label" htmlFor={fieldId(id, input.name)} data-help={explainField(input)}>
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
