import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ahead } from "./shell/ahead";
import { startAppearance } from "./shell/appearance";
import { startWords } from "./shell/words";
import "./theme.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
startAppearance();
ahead();
await startWords();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
