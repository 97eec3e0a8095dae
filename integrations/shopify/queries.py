"""The questions that we ask of a shop, in GraphQL, and what we tell it.

Shopify counts before it answers: an object is 1 point, a list 2 and as many objects as it may hold, lists in lists
multiply. A query of more than 1,000 points is refused, whatever the shop pays: so pages are short, and so are lists.
"""

from __future__ import annotations

_CONSENT = "phoneNumber marketingState marketingOptInLevel marketingUpdatedAt marketingCollectedFrom"
_CART = f"""
    id name createdAt updatedAt completedAt abandonedCheckoutUrl
    totalPriceSet {{ presentmentMoney {{ amount currencyCode }} }}
    lineItems(first: 10) {{ nodes {{ title quantity variantTitle }} }}
    shippingAddress {{ firstName phone countryCodeV2 }} billingAddress {{ firstName phone countryCodeV2 }}
    customer {{ id firstName locale defaultPhoneNumber {{ {_CONSENT} }} }}
"""


def _order(parcels: int) -> str:
    return f"""
    id name email phone createdAt updatedAt cancelledAt test customerLocale statusPageUrl
    displayFinancialStatus displayFulfillmentStatus discountCodes
    totalPriceSet {{ presentmentMoney {{ amount currencyCode }} }}
    lineItems(first: 10) {{ nodes {{ title quantity variantTitle }} }}
    shippingAddress {{ firstName phone countryCodeV2 }} billingAddress {{ firstName phone countryCodeV2 }}
    customer {{ id firstName }}
    fulfillments(first: {parcels}) {{ createdAt status displayStatus
        trackingInfo(first: 1) {{ company number url }} }}
"""


SHOP = "query Who { shop { name myshopifyDomain ianaTimezone currencyCode billingAddress { countryCodeV2 } } }"

GRANTED = "query Granted { currentAppInstallation { accessScopes { handle } } }"

CARTS = f"""
query Carts($after: String, $q: String) {{
  abandonedCheckouts(first: 40, after: $after, query: $q, sortKey: CREATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ {_CART} }}
  }}
}}"""

ORDERS = f"""
query Orders($after: String, $q: String) {{
  orders(first: 20, after: $after, query: $q, sortKey: UPDATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ {_order(parcels=5)} }}
  }}
}}"""

PEOPLE = f"""
query People($after: String, $q: String) {{
  customers(first: 100, after: $after, query: $q, sortKey: UPDATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ id updatedAt defaultPhoneNumber {{ {_CONSENT} }} }}
  }}
}}"""

HOOKS = """
query Hooks($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id topic uri }
  }
}"""

HOOK = """
mutation Hook($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id }
    userErrors { field message }
  }
}"""

UNHOOK = """
mutation Unhook($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } }
}"""

CONSENT = """
mutation Consent($input: CustomerSmsMarketingConsentUpdateInput!) {
  customerSmsMarketingConsentUpdate(input: $input) { customer { id } userErrors { field message code } }
}"""


STILL_OPEN_TAKES = 8
"""Carts of which one query may ask."""


def still_open(count: int) -> str:
    """For each of `count` carts: the cart ($cN), and the orders that may have come of it ($oN). One that was placed
    since then has hardly a parcel."""
    order = _order(parcels=1)
    names = ", ".join(f"$c{n}: String, $o{n}: String" for n in range(count))
    asked = "\n".join(
        f"  c{n}: abandonedCheckouts(first: 1, query: $c{n}) {{ nodes {{ {_CART} }} }}\n"
        f"  o{n}: orders(first: 3, query: $o{n}, sortKey: CREATED_AT, reverse: true) {{ nodes {{ {order} }} }}"
        for n in range(count)
    )
    return f"query StillOpen({names}) {{\n{asked}\n}}"


DISCOUNT = """
mutation Discount($discount: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $discount) { codeDiscountNode { id } userErrors { field message code } }
}"""

DISCOUNT_AGAIN = """
mutation Again($id: ID!, $discount: DiscountCodeBasicInput!) {
  discountCodeBasicUpdate(id: $id, basicCodeDiscount: $discount) {
    codeDiscountNode { id } userErrors { field message code }
  }
}"""

DISCOUNT_GONE = """
mutation Gone($id: ID!) {
  discountCodeDelete(id: $id) { deletedCodeDiscountId userErrors { field message code } }
}"""

DISCOUNT_BY_CODE = """
query Discount($code: String!) {
  codeDiscountNodeByCode(code: $code) { id codeDiscount { ... on DiscountCodeBasic { title endsAt } } }
}"""

DISCOUNTS_OVER = """
query Over($after: String) {
  codeDiscountNodes(first: 50, after: $after, query: "status:expired AND times_used:0 AND title:Relance*") {
    pageInfo { hasNextPage endCursor }
    nodes { id codeDiscount { ... on DiscountCodeBasic {
      title endsAt asyncUsageCount codes(first: 1) { nodes { code } }
    } } }
  }
}"""
