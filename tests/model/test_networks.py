import pytest

from holdfast.model.networks import Networks, site_of


def test_blocks_and_single_addresses_hold_what_lies_in_them():
    networks = Networks.parse("10.0.0.0/8, 192.0.2.7,2001:db8::/32")
    inside = ("10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.1.2.3", "2001:db8::1%eth0")
    assert all(networks.holds(each) for each in inside)
    assert not any(networks.holds(each) for each in ("11.0.0.1", "192.0.2.8", "2001:db9::1", "", "unix:", "10.0.0.0/8"))
    assert str(networks) == "10.0.0.0/8,192.0.2.7/32,2001:db8::/32"
    assert Networks.parse(str(networks)) == networks


def test_the_empty_set_holds_nothing():
    assert not Networks.parse(" ")
    assert not Networks().holds("127.0.0.1")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example.org", "10.0.0.0/8,", "1.2.3.4-1.2.3.9", "10.0.0.0/33"])
def test_what_is_no_block_is_refused_by_its_name(text: str):
    with pytest.raises(ValueError, match="is neither an address nor a block such as"):
        Networks.parse(text)


def test_a_customer_is_an_ipv4_address_or_a_64_bit_block_of_ipv6():
    assert site_of("192.0.2.7") == site_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert site_of("2001:db8:1:2::1") == site_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert site_of("2001:db8:1:3::1") != site_of("2001:db8:1:2::1")
    assert site_of("unix") == "unix"
