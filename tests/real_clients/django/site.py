"""A site of Django's with one page, which says who has logged in (HTTP Basic).

Called with a port, a folder and the module in it that has the settings; the site's database goes there too.
"""

import base64
import importlib
import os.path
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

port, folder = int(sys.argv[1]), sys.argv[2]
sys.path.insert(0, folder)
ldap_settings = importlib.import_module(sys.argv[3])

settings.configure(
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(folder, "site.sqlite"),
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LOGGING={
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django_auth_ldap": {"level": "DEBUG", "handlers": ["console"]}},
    },
    **{name: getattr(ldap_settings, name) for name in dir(ldap_settings) if name.isupper()},
)
django.setup()

from django.contrib.auth import authenticate
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path


def page(request):
    _, credentials = request.headers["Authorization"].split()
    username, password = base64.b64decode(credentials).decode().split(":", 1)
    user = authenticate(request, username=username, password=password)
    if user is None:
        return HttpResponse("refused", status=401)
    groups = ",".join(sorted(group.name for group in user.groups.all()))
    return HttpResponse(f"{user.username} {user.email} {groups}")


class Quiet(WSGIRequestHandler):
    def address_string(self):
        return self.client_address[0]


urlpatterns = [path("", page)]
call_command("migrate", verbosity=0)
make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet).serve_forever()
