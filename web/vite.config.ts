import { defineConfig } from "vitest/config";

// Fixed names and no inlined data: the server's policy forbids inline code, and a fresh build must be identical.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    // Three parts in a hundred smaller than what esbuild makes, for a few seconds of building.
    minify: "terser",
    terserOptions: { ecma: 2020, module: true, compress: { passes: 3 }, format: { comments: false } },
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: "canvas.js",
        chunkFileNames: "[name].js",
        assetFileNames: "canvas.[ext]",
      },
    },
  },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8188", ws: true } } },
  test: { include: ["tests/**/*.test.ts"] },
});
