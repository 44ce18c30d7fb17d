import type { DownloadInWritable, DownloadOut } from "@/api";

/** What a person sets about a file that leaves. */
export interface Share {
  format: "native" | "tar" | "stored";
  compression: "" | "none" | "gzip" | "zstd" | "bzip2";
  encryption: "none" | "age" | "gpg" | "aes256";
  /** For age and gpg: to these keys, else under the passphrase. */
  recipients: string;
  passphrase: string;
  hours: string;
  once: boolean;
}

export const FRESH: Share = {
  format: "native",
  compression: "",
  encryption: "none",
  recipients: "",
  passphrase: "",
  hours: "",
  once: false,
};

/** An armored OpenPGP key has lines of its own; age's keys are one a line. */
export function recipientsOf(encryption: Share["encryption"], text: string): string[] {
  if (encryption === "age")
    return text
      .split(/[\s,]+/)
      .map((each) => each.trim())
      .filter(Boolean);
  if (encryption !== "gpg") return [];
  return (text.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g) ?? []).map(
    (key) => key.trim(),
  );
}

/** Whether it can be asked for: encryption needs somebody or something that opens it. */
export function isWhole(share: Share): boolean {
  if (share.encryption === "none") return true;
  return share.passphrase !== "" || recipientsOf(share.encryption, share.recipients).length > 0;
}

export function bodyOf(share: Share): DownloadInWritable {
  const recipients = recipientsOf(share.encryption, share.recipients);
  const seconds = Math.round(Number(share.hours) * 3600);
  return {
    format: share.format,
    encryption: share.encryption,
    once: share.once,
    ...(share.compression && { compression: share.compression }),
    ...(recipients.length > 0 && { recipients }),
    ...(share.encryption !== "none" && recipients.length === 0 && { passphrase: share.passphrase }),
    ...(seconds > 0 && { seconds }),
  };
}

/** The server says open, used or revoked; whether an open one is over is a matter of the clock. */
export function stateOf(link: Pick<DownloadOut, "state" | "expires_at">, now: number = Date.now()): string {
  return link.state === "open" && Date.parse(link.expires_at) <= now ? "expired" : link.state;
}
