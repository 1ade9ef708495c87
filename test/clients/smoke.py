"""Signs in, reads, changes, uploads and logs out with the generated Python client. Arguments: the address of the service, a PNG file."""

import sys
import time

import openapi_client as client

host, picture = sys.argv[1:]
auth = client.AuthApi(client.ApiClient(client.Configuration(host=host)))
email = f"python-{time.time_ns()}@example.com"
auth.register_user(client.RegisterBody(email=email, name="Python", password="correct horse battery"))
tokens = auth.login_user(client.LoginBody(email=email, password="correct horse battery"))
mine = client.ApiClient(client.Configuration(host=host, access_token=tokens.access_token))
profiles = client.ProfileApi(mine)
assert profiles.get_my_profile().email == email
assert profiles.update_my_profile(client.UpdateProfileBody(bio="From Python")).bio == "From Python"
with open(picture, "rb") as file:
    assert "/uploads/" in profiles.upload_my_picture(("me.png", file.read())).profile_picture_url
refreshed = auth.refresh_tokens(client.RefreshBody(refresh_token=tokens.refresh_token))
client.AuthApi(mine).logout_user(client.LogoutBody())
try:
    profiles.get_my_profile()
    raise SystemExit("still signed in")
except client.ApiException as error:
    assert error.status == 401
