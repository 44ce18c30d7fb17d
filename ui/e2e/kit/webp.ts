// Pictures a quarter as large as PNG: every page three times is kept in the repository.
import type { Page } from "playwright-core";

const QUALITY = 0.86;

/** A screenshot of the page as WebP, packed by the browser itself in `blank`, an empty page of its own. */
export async function webp(page: Page, blank: Page): Promise<Buffer> {
  const shot = (await page.screenshot()).toString("base64");
  const packed = await blank.evaluate(
    async ([png, quality]) => {
      const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
      const picture = await createImageBitmap(new Blob([bytes]));
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      canvas.getContext("2d")?.drawImage(picture, 0, 0);
      const blob = await canvas.convertToBlob({ type: "image/webp", quality });
      const text: string[] = [];
      for (const byte of new Uint8Array(await blob.arrayBuffer())) text.push(String.fromCharCode(byte));
      return btoa(text.join(""));
    },
    [shot, QUALITY] as const,
  );
  return Buffer.from(packed, "base64");
}
