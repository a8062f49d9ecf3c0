import { ReactFlowProvider } from "@xyflow/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./components/App";
import { start } from "./keeping/session";
import "@xyflow/react/dist/base.css";
import "./styles/base.css";
import "./styles/bars.css";
import "./styles/nodes.css";
import "./styles/flow.css";
import "./styles/panels.css";
import "./styles/queue.css";
import "./styles/files.css";
import "./styles/json.css";
import "./styles/widgets.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <ReactFlowProvider>
      <App />
    </ReactFlowProvider>
  </StrictMode>,
);
void start();
