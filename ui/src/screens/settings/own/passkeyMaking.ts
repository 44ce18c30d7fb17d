import { type PasskeyOut, passkeyCreate, passkeyOptions } from "@/api";
import { data } from "@/shell/api";

/** Why none can be made here, as a word of `factors`; null when one can. */
export function passkeyHindrance(host: string = location.hostname): "needsName" | "needsBrowser" | null {
  if (typeof PublicKeyCredential === "undefined" || !("parseCreationOptionsFromJSON" in PublicKeyCredential))
    return isAddress(host) ? "needsName" : "needsBrowser";
  return isAddress(host) ? "needsName" : null;
}

/** A credential belongs to a name: none can be made for a bare address. */
export function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(":");
}

/** Asks the browser for a credential and the server to take it. null when the person called it off. */
export async function makePasskey(name: string): Promise<{ passkey: PasskeyOut; recovery_codes: string[] } | null> {
  const { flow, options } = await data(passkeyOptions());
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  const made = (await navigator.credentials.create({ publicKey }).catch((error: DOMException) => {
    if (error.name === "NotAllowedError" || error.name === "AbortError") return null;
    throw error;
  })) as PublicKeyCredential | null;
  if (!made) return null;
  return await data(passkeyCreate({ body: { flow, name, credential: made.toJSON() } as never }));
}
