<?php
/**
 * WooCommerce: carts and orders, on the classic checkout and on the block one.
 *
 * A cart is told once somebody has left a number or an address, and only when its contents have really changed:
 * WooCommerce says "cart updated" on every reading too. What is told is read when the request ends.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Watches, compares, tells, and puts a cart back.
 */
class Relance_Shop {

	const FIELD = 'relance/sms';

	/**
	 * Where WooCommerce calls us. Without it none of these is ever called.
	 */
	public static function hooks() {
		add_action( 'before_woocommerce_init', array( __CLASS__, 'compatible' ) );
		add_action( 'woocommerce_init', array( __CLASS__, 'block_field' ) );

		foreach ( array( 'woocommerce_add_to_cart', 'woocommerce_cart_updated', 'woocommerce_cart_item_removed', 'woocommerce_after_cart_item_quantity_update', 'woocommerce_applied_coupon', 'woocommerce_removed_coupon', 'woocommerce_cart_emptied' ) as $hook ) {
			add_action( $hook, array( __CLASS__, 'cart_changed' ), 99, 0 );
		}
		add_action( 'woocommerce_checkout_update_order_review', array( __CLASS__, 'review' ) );
		add_action( 'woocommerce_store_api_cart_update_customer_from_request', array( __CLASS__, 'block_contact' ), 10, 2 );
		add_action( 'woocommerce_store_api_checkout_update_draft', array( __CLASS__, 'block_draft' ) );
		add_action( 'wp_enqueue_scripts', array( __CLASS__, 'script' ) );

		add_filter( 'woocommerce_checkout_fields', array( __CLASS__, 'classic_field' ) );
		add_action( 'woocommerce_checkout_create_order', array( __CLASS__, 'classic_consent' ), 10, 2 );
		add_action( 'woocommerce_checkout_order_processed', array( __CLASS__, 'ordered' ), 10, 1 );
		add_action( 'woocommerce_store_api_checkout_order_processed', array( __CLASS__, 'ordered' ), 10, 1 );
		add_action( 'woocommerce_new_order', array( __CLASS__, 'order_changed' ), 10, 1 );
		add_action( 'woocommerce_order_status_changed', array( __CLASS__, 'order_changed' ), 10, 1 );
		add_action( 'woocommerce_order_refunded', array( __CLASS__, 'order_changed' ), 10, 1 );
		add_action( 'woocommerce_trash_order', array( __CLASS__, 'order_gone' ) );
		add_action( 'woocommerce_before_delete_order', array( __CLASS__, 'order_gone' ) );

		add_action( 'wp_loaded', array( __CLASS__, 'restore' ), 30 );
	}

	/**
	 * Orders may live in tables of their own, and the checkout may be a block.
	 */
	public static function compatible() {
		if ( class_exists( '\Automattic\WooCommerce\Utilities\FeaturesUtil' ) ) {
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'custom_order_tables', RELANCE_FILE, true );
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'cart_checkout_blocks', RELANCE_FILE, true );
		}
	}

	/**
	 * The sentence beside the box on the checkout.
	 *
	 * @return string
	 */
	public static function sentence() {
		$settings = Relance_Store::settings();
		if ( '' !== trim( $settings['checkout'] ) ) {
			return $settings['checkout'];
		}
		/* translators: %s: the shop's name. */
		return sprintf( __( '%s may remind me of my cart and send me offers by text message. I can stop at any time by answering STOP.', 'relance' ), get_bloginfo( 'name' ) );
	}

	// The box -----------------------------------------------------------------------------------------------------

	/**
	 * The block checkout's box. It is never ticked beforehand.
	 */
	public static function block_field() {
		if ( Relance_Store::is_on( 'carts' ) && function_exists( 'woocommerce_register_additional_checkout_field' ) ) {
			woocommerce_register_additional_checkout_field(
				array(
					'id'       => self::FIELD,
					'label'    => self::sentence(),
					'location' => 'contact',
					'type'     => 'checkbox',
				)
			);
		}
	}

	/**
	 * The classic checkout's box.
	 *
	 * @param array $fields The checkout's fields.
	 * @return array
	 */
	public static function classic_field( $fields ) {
		if ( Relance_Store::is_on( 'carts' ) && isset( $fields['billing'] ) ) {
			$fields['billing']['relance_sms'] = array(
				'type'     => 'checkbox',
				'label'    => self::sentence(),
				'required' => false,
				'default'  => 0,
				'priority' => 130,
				'class'    => array( 'form-row-wide' ),
			);
		}
		return $fields;
	}

	/**
	 * The classic checkout's answer goes into the order, with its sentence.
	 *
	 * @param WC_Order $order The order.
	 * @param array    $data  What was posted.
	 */
	public static function classic_consent( $order, $data ) {
		if ( ! empty( $data['relance_sms'] ) && Relance_Store::is_on( 'carts' ) ) {
			$order->update_meta_data( '_relance_consent', wp_json_encode( Relance_Forms::proof( self::sentence(), 'checkout' ) ) );
		}
	}

	/**
	 * The small script of the classic checkout: WooCommerce itself only hears of a contact when the whole address is there.
	 */
	public static function script() {
		if ( ! function_exists( 'is_checkout' ) || ! is_checkout() || ! Relance_Store::is_on( 'carts' ) ) {
			return;
		}
		wp_enqueue_script( 'relance-checkout', plugins_url( 'assets/checkout.js', RELANCE_FILE ), array(), RELANCE_VERSION, true );
		wp_localize_script(
			'relance-checkout',
			'relanceCheckout',
			array(
				'address' => rest_url( 'relance/v1/contact' ),
				'nonce'   => wp_create_nonce( 'wp_rest' ),
			)
		);
	}

	// Whose cart it is --------------------------------------------------------------------------------------------

	/**
	 * What the classic checkout posts while it is filled.
	 *
	 * @param string $posted A query string.
	 */
	public static function review( $posted ) {
		$fields = array();
		parse_str( (string) $posted, $fields );
		self::contact(
			array(
				'phone'      => isset( $fields['billing_phone'] ) ? $fields['billing_phone'] : '',
				'email'      => isset( $fields['billing_email'] ) ? $fields['billing_email'] : '',
				'first_name' => isset( $fields['billing_first_name'] ) ? $fields['billing_first_name'] : '',
				'country'    => isset( $fields['billing_country'] ) ? $fields['billing_country'] : '',
				'consent'    => ! empty( $fields['relance_sms'] ),
			)
		);
	}

	/**
	 * What the block checkout posts about a second and a half after typing.
	 *
	 * @param WC_Customer     $customer The customer.
	 * @param WP_REST_Request $request  The request.
	 */
	public static function block_contact( $customer, $request ) {
		$given = array(
			'phone'      => $customer->get_billing_phone(),
			'email'      => $customer->get_billing_email(),
			'first_name' => $customer->get_billing_first_name(),
			'country'    => $customer->get_billing_country(),
		);
		$more  = $request instanceof WP_REST_Request ? $request->get_param( 'additional_fields' ) : null;
		if ( is_array( $more ) && isset( $more[ self::FIELD ] ) ) {
			$given['consent'] = ! empty( $more[ self::FIELD ] );
		}
		self::contact( $given );
	}

	/**
	 * Other fields of the block checkout, since WooCommerce 10.8.
	 *
	 * @param WP_REST_Request $request The request.
	 */
	public static function block_draft( $request ) {
		$more = $request->get_param( 'additional_fields' );
		if ( is_array( $more ) && isset( $more[ self::FIELD ] ) ) {
			self::contact( array( 'consent' => ! empty( $more[ self::FIELD ] ) ) );
		}
	}

	/**
	 * Keeps what is known of the person in the session.
	 *
	 * @param array $given phone, email, first_name, country, consent; what is not given stays.
	 */
	public static function contact( array $given ) {
		if ( ! Relance_Store::is_on( 'carts' ) || ! self::session() ) {
			return;
		}
		$known = self::known();
		foreach ( array( 'phone', 'email', 'first_name', 'country' ) as $name ) {
			if ( isset( $given[ $name ] ) && is_string( $given[ $name ] ) && '' !== trim( $given[ $name ] ) ) {
				$known[ $name ] = mb_substr( sanitize_text_field( $given[ $name ] ), 0, 100 );
			}
		}
		if ( isset( $known['email'] ) && ! is_email( $known['email'] ) ) {
			unset( $known['email'] );
		}
		if ( isset( $given['consent'] ) ) {
			$said = isset( $known['consent'] ) ? $known['consent'] : null;
			if ( $given['consent'] && ( ! is_array( $said ) || empty( $said['granted'] ) ) ) {
				$known['consent'] = Relance_Forms::proof( self::sentence(), 'checkout' );
			} elseif ( ! $given['consent'] && is_array( $said ) && ! empty( $said['granted'] ) ) {
				// Unticked again: a yes that was never sent off with an order is taken back.
				$known['consent'] = array(
					'granted' => false,
					'place'   => Relance_Forms::page(),
					'at'      => time(),
					'way'     => 'checkout',
				);
			}
		}
		WC()->session->set( 'relance_contact', $known );
		self::cart_changed();
	}

	/**
	 * What is known of the person; a signed-in customer has said it before.
	 *
	 * @return array
	 */
	private static function known() {
		$known    = WC()->session->get( 'relance_contact' );
		$known    = is_array( $known ) ? $known : array();
		$customer = WC()->customer;
		if ( $customer && is_user_logged_in() ) {
			$known += array_filter(
				array(
					'phone'      => (string) $customer->get_billing_phone(),
					'email'      => (string) $customer->get_billing_email(),
					'first_name' => (string) $customer->get_billing_first_name(),
					'country'    => (string) $customer->get_billing_country(),
				),
				'strlen'
			);
		}
		return $known;
	}

	/**
	 * Whether this request has a cart and a session.
	 *
	 * @return bool
	 */
	private static function session() {
		return function_exists( 'WC' ) && WC() && isset( WC()->session ) && WC()->session && isset( WC()->cart ) && WC()->cart;
	}

	// The cart ----------------------------------------------------------------------------------------------------

	/**
	 * The cart may have changed: looked at once, when the request ends.
	 */
	public static function cart_changed() {
		if ( Relance_Store::is_on( 'carts' ) && self::session() ) {
			Relance_Queue::later( 'cart', 'cart/now', array( __CLASS__, 'compare' ) );
		}
	}

	/**
	 * Compares the cart with what was told of it last, and tells it if it differs.
	 *
	 * @return null What is to be said was kept under the cart's own name.
	 */
	public static function compare() {
		global $wpdb;
		if ( ! self::session() ) {
			return null;
		}
		$session = WC()->session;
		$token   = (string) $session->get( 'relance_cart' );
		$lines   = self::lines();
		$told    = (string) $session->get( 'relance_told' );
		if ( array() === $lines ) {
			if ( '' !== $token && '' !== $told ) {
				Relance_Queue::add(
					'cart',
					'cart/' . $token,
					array(
						'cart'  => $token,
						'state' => 'emptied',
						'at'    => Relance_Store::now(),
					)
				);
				$session->set( 'relance_told', '' );
			}
			return null;
		}
		$known = self::known();
		if ( empty( $known['phone'] ) && empty( $known['email'] ) ) {
			return null;
		}
		if ( '' === $token ) {
			$token = Relance_Store::token();
			$session->set( 'relance_cart', $token );
		}
		$cart    = WC()->cart;
		$coupons = array_values( (array) $cart->get_applied_coupons() );
		$content = wp_json_encode(
			array(
				'lines'   => $lines,
				'coupons' => $coupons,
			)
		);
		$total   = (string) $cart->get_total( 'edit' );
		// The wishes of a person may change without the cart: those are told too, and do not make the cart younger.
		$digest = md5( $content . $total . get_woocommerce_currency() );
		$whole  = md5( $digest . wp_json_encode( $known ) );
		if ( $whole === $told ) {
			return null;
		}
		$changed = $digest === (string) $session->get( 'relance_digest' ) ? (int) $session->get( 'relance_changed' ) : time();
		$session->set( 'relance_told', $whole );
		$session->set( 'relance_digest', $digest );
		$session->set( 'relance_changed', $changed );
		$wpdb->replace(
			Relance_Store::table( 'carts' ),
			array(
				'token'   => $token,
				'content' => $content,
				'contact' => wp_json_encode( $known ),
				'digest'  => $digest,
				'email'   => isset( $known['email'] ) ? strtolower( $known['email'] ) : '',
				'changed' => time(),
			)
		);
		$items = array();
		foreach ( $lines as $line ) {
			$items[] = array(
				'name'     => $line['name'],
				'quantity' => $line['quantity'],
			);
		}
		$data = array(
			'cart'       => $token,
			'state'      => 'open',
			'at'         => Relance_Store::now(),
			'changed'    => $changed,
			'phone'      => isset( $known['phone'] ) ? $known['phone'] : '',
			'email'      => isset( $known['email'] ) ? $known['email'] : '',
			'first_name' => isset( $known['first_name'] ) ? $known['first_name'] : '',
			'country'    => isset( $known['country'] ) ? $known['country'] : Relance_Store::country(),
			'user'       => get_current_user_id(),
			'items'      => array_slice( $items, 0, 20 ),
			'total'      => $total,
			'currency'   => get_woocommerce_currency(),
			'link'       => add_query_arg( 'relance_cart', $token, home_url( '/' ) ),
			'language'   => Relance_Store::language(),
		);
		if ( isset( $known['consent'] ) && is_array( $known['consent'] ) ) {
			$data['consent'] = $known['consent'];
		}
		Relance_Queue::add( 'cart', 'cart/' . $token, $data );
		return null;
	}

	/**
	 * The cart's lines as they can be put back.
	 *
	 * @return array
	 */
	private static function lines() {
		$lines = array();
		foreach ( (array) WC()->cart->get_cart() as $line ) {
			$product = isset( $line['data'] ) ? $line['data'] : null;
			$lines[] = array(
				'product'   => (int) $line['product_id'],
				'variation' => isset( $line['variation_id'] ) ? (int) $line['variation_id'] : 0,
				'choice'    => isset( $line['variation'] ) && is_array( $line['variation'] ) ? $line['variation'] : array(),
				'quantity'  => 0 + $line['quantity'],
				'name'      => is_object( $product ) ? html_entity_decode( wp_strip_all_tags( $product->get_name() ), ENT_QUOTES, 'UTF-8' ) : '',
			);
		}
		return $lines;
	}

	/**
	 * The link of a message: puts the cart back, line by line, and says what is not there any more.
	 */
	public static function restore() {
		global $wpdb;
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- the random token is the proof.
		$token = isset( $_GET['relance_cart'] ) ? sanitize_key( wp_unslash( $_GET['relance_cart'] ) ) : '';
		if ( '' === $token || ! self::session() ) {
			return;
		}
		$table = Relance_Store::table( 'carts' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$row     = preg_match( '/^[0-9a-f]{32}$/', $token ) ? $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE token = %s", $token ) ) : null;
		$content = $row ? json_decode( $row->content, true ) : null;
		if ( is_array( $content ) && (string) WC()->session->get( 'relance_cart' ) !== $token ) {
			$there = array();
			foreach ( (array) WC()->cart->get_cart() as $line ) {
				$there[] = (int) $line['product_id'] . '/' . ( isset( $line['variation_id'] ) ? (int) $line['variation_id'] : 0 );
			}
			foreach ( (array) $content['lines'] as $line ) {
				if ( in_array( $line['product'] . '/' . $line['variation'], $there, true ) ) {
					continue;
				}
				if ( ! WC()->cart->add_to_cart( $line['product'], $line['quantity'], $line['variation'], $line['choice'] ) && function_exists( 'wc_add_notice' ) ) {
					/* translators: %s: a product. */
					wc_add_notice( sprintf( __( '“%s” is not available any more.', 'relance' ), $line['name'] ), 'notice' );
				}
			}
			foreach ( (array) $content['coupons'] as $coupon ) {
				WC()->cart->apply_coupon( $coupon );
			}
			// The same cart goes on: its order must be known as the answer to this message. Who it is, the person says again.
			WC()->session->set( 'relance_cart', $token );
		}
		if ( is_array( $content ) ) {
			// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- the random token is the proof.
			Relance_Coupons::bring( isset( $_GET['relance_code'] ) ? sanitize_text_field( wp_unslash( $_GET['relance_code'] ) ) : '' );
		}
		wp_safe_redirect( $row && function_exists( 'wc_get_checkout_url' ) ? wc_get_checkout_url() : home_url( '/' ) );
		exit;
	}

	// Orders ------------------------------------------------------------------------------------------------------

	/**
	 * A cart became an order: the two belong together, and the cart is over.
	 *
	 * @param int|WC_Order $order The order or its id.
	 */
	public static function ordered( $order ) {
		$order = is_object( $order ) ? $order : wc_get_order( $order );
		if ( ! $order ) {
			return;
		}
		if ( self::session() ) {
			$token = (string) WC()->session->get( 'relance_cart' );
			if ( '' !== $token ) {
				$order->update_meta_data( '_relance_cart', $token );
				$order->save();
				WC()->session->set( 'relance_cart', '' );
				WC()->session->set( 'relance_told', '' );
			}
		}
		self::order_changed( $order->get_id() );
	}

	/**
	 * An order is new or has another status. Several changes in one request are one word, with the last status.
	 *
	 * @param int $id The order's id.
	 */
	public static function order_changed( $id ) {
		$id = is_object( $id ) ? $id->get_id() : (int) $id;
		if ( Relance_Store::is_on( 'orders' ) || Relance_Store::is_on( 'carts' ) ) {
			Relance_Queue::later(
				'order',
				'order/' . $id,
				static function () use ( $id ) {
					return self::order( $id );
				}
			);
		}
	}

	/**
	 * An order was binned or deleted.
	 *
	 * @param int $id The order's id.
	 */
	public static function order_gone( $id ) {
		$id = (int) $id;
		if ( Relance_Store::is_on( 'orders' ) || Relance_Store::is_on( 'carts' ) ) {
			Relance_Queue::later(
				'order',
				'order/' . $id,
				static function () use ( $id ) {
					return array(
						'order'  => $id,
						'status' => 'trash',
						'at'     => Relance_Store::now(),
					);
				}
			);
		}
	}

	/**
	 * What is told of an order, read anew.
	 *
	 * @param int $id The order's id.
	 * @return array|null
	 */
	private static function order( $id ) {
		$order = wc_get_order( $id );
		if ( ! $order || 'checkout-draft' === $order->get_status() || 'shop_order' !== $order->get_type() ) {
			return null;
		}
		$items = array();
		foreach ( $order->get_items() as $item ) {
			$items[] = array(
				'name'     => html_entity_decode( wp_strip_all_tags( $item->get_name() ), ENT_QUOTES, 'UTF-8' ),
				'quantity' => 0 + $item->get_quantity(),
			);
		}
		$created = $order->get_date_created();
		$data    = array(
			'order'      => $id,
			'number'     => (string) $order->get_order_number(),
			'status'     => $order->get_status(),
			'at'         => Relance_Store::now(),
			'created'    => $created ? $created->getTimestamp() : time(),
			'phone'      => (string) $order->get_billing_phone(),
			'other'      => method_exists( $order, 'get_shipping_phone' ) ? (string) $order->get_shipping_phone() : '',
			'email'      => (string) $order->get_billing_email(),
			'first_name' => (string) $order->get_billing_first_name(),
			'name'       => trim( $order->get_billing_first_name() . ' ' . $order->get_billing_last_name() ),
			'country'    => '' !== (string) $order->get_billing_country() ? $order->get_billing_country() : Relance_Store::country(),
			'user'       => (int) $order->get_customer_id(),
			'items'      => array_slice( $items, 0, 20 ),
			'total'      => (string) $order->get_total(),
			'currency'   => (string) $order->get_currency(),
			'link'       => $order->needs_payment() ? $order->get_checkout_payment_url() : $order->get_view_order_url(),
			'cart'       => (string) $order->get_meta( '_relance_cart' ),
			'codes'      => method_exists( $order, 'get_coupon_codes' ) ? array_slice( array_values( $order->get_coupon_codes() ), 0, 10 ) : array(),
			'language'   => substr( get_locale(), 0, 2 ),
			'tell'       => Relance_Store::is_on( 'orders' ),
		);
		$consent = self::consent_of( $order );
		if ( $consent ) {
			$data['consent'] = $consent;
		}
		return $data;
	}

	/**
	 * The yes or no that came with an order, from either checkout; null when the box was not there.
	 *
	 * @param WC_Order $order The order.
	 * @return array|null
	 */
	private static function consent_of( $order ) {
		$kept = json_decode( (string) $order->get_meta( '_relance_consent' ), true );
		if ( is_array( $kept ) ) {
			return $kept;
		}
		if ( '1' === (string) $order->get_meta( '_wc_other/' . self::FIELD ) ) {
			$created  = $order->get_date_created();
			$sentence = self::sentence();
			return array(
				'granted' => true,
				'text'    => $sentence,
				'version' => Relance_Store::version_of( $sentence ),
				'place'   => function_exists( 'wc_get_checkout_url' ) ? wc_get_checkout_url() : home_url( '/' ),
				'at'      => $created ? $created->getTimestamp() : time(),
				'ip'      => (string) $order->get_customer_ip_address(),
				'way'     => 'checkout',
			);
		}
		return null;
	}
}
