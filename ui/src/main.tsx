import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./theme.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <main className="grid h-full place-items-center bg-page text-muted">Holdfast</main>
  </StrictMode>,
);
