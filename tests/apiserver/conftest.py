"""A namespace of the cluster in which only what a test starts acts: the cluster's own operator rests meanwhile."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from contender.cluster.client import Client
from tests.apiserver.operators import Operator
from tests.apiserver.proxy import Proxy
from tests.apiserver.routers import Routers
from tests.apiserver.user import User
from tests.cluster import Cluster
from tests.e2e.leader import operator_away
from tests.installation import CHART, NAMESPACE, RELEASE
from tests.namespaces import fresh_namespace
from tools import crds

ACCOUNT = "contender-under-test"


@pytest.fixture(scope="package")
def quiet_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """Our CRDs are in force, and no operator runs: one that is installed has no pods until the last test is over."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(crds.FOLDER))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", str(crds.FOLDER))
    cluster.kubectl("get", "modeldeployments,trials", "--all-namespaces")  # kubectl waits until the API server is able
    if cluster.kubectl("get", "deployment", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found"):
        with operator_away(cluster):
            yield cluster
    else:
        yield cluster


@pytest.fixture(scope="package")
def quiet_namespace(quiet_cluster: Cluster) -> Iterator[str]:
    """One namespace for all tests, each of which finds it empty: it takes longer to delete one than to run a test."""
    with fresh_namespace(quiet_cluster, "apiserver") as name:
        quiet_cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", name)
        yield name


@pytest.fixture(scope="package")
def account(quiet_cluster: Cluster, quiet_namespace: str) -> Iterator[str]:
    """An account with the rights that the chart gives to the operator, and no others."""
    chart = (ACCOUNT, str(CHART), "--namespace", quiet_namespace, "--show-only", "templates/rbac.yaml")
    roles = quiet_cluster.helm("template", *chart)
    quiet_cluster.kubectl("apply", "--filename=-", input=roles)
    yield f"system:serviceaccount:{quiet_namespace}:{ACCOUNT}"
    quiet_cluster.kubectl("delete", "--filename=-", input=roles)


@pytest.fixture
async def api(quiet_cluster: Cluster) -> AsyncIterator[ApiClient]:
    """A client with the rights of whoever runs the tests."""
    configuration = Configuration()
    await config.load_kube_config(
        str(quiet_cluster.kubeconfig), quiet_cluster.context, client_configuration=configuration
    )
    async with ApiClient(configuration) as api:
        yield api


@pytest.fixture
async def api_server(api: ApiClient) -> AsyncIterator[aiohttp.ClientSession]:
    """The API server itself, as those who are not the operator reach it."""
    credentials = await api.configuration.auth_settings()
    headers = {held["key"]: held["value"] for held in credentials.values()}
    connector = aiohttp.TCPConnector(ssl=api.rest_client.ssl_context)
    async with aiohttp.ClientSession(api.configuration.host, connector=connector, headers=headers) as session:
        yield session


@pytest.fixture
async def proxy(api_server: aiohttp.ClientSession, account: str) -> AsyncIterator[Proxy]:
    """What the operator does goes by here, with its own rights."""
    proxy = Proxy(api_server, account)
    async with proxy.serving():
        yield proxy


@pytest.fixture
async def user(quiet_namespace: str, api_server: aiohttp.ClientSession) -> User:
    user = User(api_server, quiet_namespace)
    await user.clears_up()
    return user


@pytest.fixture
async def operator(api: ApiClient, proxy: Proxy, user: User) -> AsyncIterator[Operator]:
    """An operator process, and a router whose pods are ready."""
    routers = Routers(user)
    await routers.begin()
    async with ApiClient(Configuration(proxy.url)) as acting, routers.session() as session:
        yield Operator(Client(api), Client(acting), session, user)
