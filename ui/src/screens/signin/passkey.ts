import { sessionCreateByPasskey, sessionPasskeyOptions, type WhoOut } from "@/api";
import { data } from "@/shell/api";

interface Offer {
  flow: string;
  options: unknown;
}

export function canPasskey(): boolean {
  return typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;
}

/** The browser's answer to a challenge, as the API takes it. null when there is no challenge, or no passkey here. */
export async function byPasskey(offer: unknown): Promise<never | null> {
  const given = offer as Offer | undefined;
  if (!given || !canPasskey()) return null;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    given.options as PublicKeyCredentialRequestOptionsJSON,
  );
  const found = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
  return found && ({ flow: given.flow, credential: found.toJSON() } as never);
}

export async function passkeyAlone(): Promise<WhoOut> {
  const offer = await data(sessionPasskeyOptions());
  const body = await byPasskey(offer);
  if (!body) throw new Error("no passkey was used");
  return await data(sessionCreateByPasskey({ body }));
}
