import { LEARN } from "../../keeping/shelf";
import { useStore } from "../../store";
import { Find } from "./Find";
import { Open } from "./Open";
import { SaveAs } from "./SaveAs";
import { Shortcuts } from "./Shortcuts";
import { Templates } from "./Templates";

/** The dialog that is open, if any. */
export function Dialogs() {
  const dialog = useStore((state) => state.dialog);
  switch (dialog) {
    case "find":
      return <Find />;
    case "shortcuts":
      return <Shortcuts />;
    case "open":
      return <Open />;
    case "save_as":
      return <SaveAs />;
    case "templates":
      return <Templates title="Templates" />;
    case "learn":
      return <Templates title={LEARN} />;
    case null:
      return null;
  }
}
