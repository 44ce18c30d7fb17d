import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server names itself to `npm run dev`; its origin guard needs the Host it knows.
const server = process.env.HOLDFAST_URL ?? "http://127.0.0.1:7070";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: {
    alias: {
      "@": fileURLToPath(new URL("./src", import.meta.url)),
      "react-remove-scroll": fileURLToPath(new URL("./src/parts/scrollLock.tsx", import.meta.url)),
    },
  },
  build: {
    outDir: "../src/holdfast/web/pages/ui",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 3600, // the editor, which comes with the first SQL tab
    // A request costs more than a kilobyte: what the first page needs is one file, and what every screen is made of another.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "start", tags: ["$initial"], priority: 3 },
            {
              name: "parts",
              test: /src\/parts\/(?!chart|form)|lucide-react|@tanstack\/(react-)?(table|virtual)/,
              priority: 2,
            },
          ],
        },
      },
    },
  },
  // `npm run preview` under the server's own policy, so that what it forbids is seen at once.
  preview: {
    proxy: { "/api": { target: server, ws: true, changeOrigin: false }, "/health": { target: server } },
    headers: {
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    },
  },
  server: { fs: { allow: [".."] }, proxy: { "/api": { target: server, ws: true, changeOrigin: false } } },
  // One document for all files: making one for each took ten times as long as the tests. What a test leaves in it, or in
  // a module, the next file sees.
  test: {
    environment: "happy-dom",
    isolate: false,
    include: ["src/**/*.test.{ts,tsx}", "tests/**/*.test.{ts,tsx}"],
  },
});
