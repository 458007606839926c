// A certified OpenID Connect issuer (oidc-provider) on loopback, with its own sign-in and consent pages.
//
//     node issuer.mjs REDIRECT_URI
//
// Whoever signs in there as NAME has the verified address NAME@example.org. Prints its URL once it listens. Its client's
// id and secret stand in house.py. Not a test, and no mock: the issuer is the package's own.
import { createServer } from "node:http";

import Provider from "oidc-provider";

const [redirectUri] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: process.env.ISSUER_CLIENT,
        client_secret: process.env.ISSUER_SECRET,
        redirect_uris: [redirectUri],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
    cookies: { keys: [process.env.ISSUER_SECRET] },
    pkce: { required: () => true },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, preferred_username: id }),
    }),
  });
  server.on("request", provider.callback());
  console.log(`listening on ${issuer}`);
});
