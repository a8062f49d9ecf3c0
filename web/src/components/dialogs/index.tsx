import { useStore } from "../../store";
import { Find } from "./Find";
import { Shortcuts } from "./Shortcuts";

/** The dialog that is open, if any. */
export function Dialogs() {
  const dialog = useStore((state) => state.dialog);
  switch (dialog) {
    case "find":
      return <Find />;
    case "shortcuts":
      return <Shortcuts />;
    case "open":
    case "save_as":
    case "templates":
    case null:
      return null;
  }
}
